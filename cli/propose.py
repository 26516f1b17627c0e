"""`cairn propose`: reactions that nobody enumerated, drawn by joint diffusion."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import check_output, plain_level, print_json, print_table, write_and_show

if TYPE_CHECKING:
    from chem.proposals import ProposedReaction, Sieved
    from chem.types import LevelOfTheory


def propose_command(
    smiles: Annotated[str, typer.Argument(help="SMILES of one neutral closed-shell molecule.")],
    n: Annotated[int, typer.Option("-n", "--number", min=1, help="Reactions to draw.")] = 100,
    composition: Annotated[
        bool, typer.Option("--composition", help="Draw the reactant as well, from the atoms of the SMILES alone.")
    ] = False,
    break_bonds: Annotated[
        int,
        typer.Option("--break", min=1, max=4, help="Most electron-pair bonds that a sound proposal breaks."),
    ] = 4,
    form_bonds: Annotated[
        int, typer.Option("--form", min=1, max=4, help="Most electron-pair bonds that a sound proposal forms.")
    ] = 4,
    carbenes: Annotated[bool, typer.Option("--carbenes", help="Allow products with divalent carbon.")] = False,
    zwitterions: Annotated[bool, typer.Option("--zwitterions", help="Allow charges within a molecule.")] = False,
    steps: Annotated[int, typer.Option(min=2, help="Steps from noise to structures.")] = 50,
    sampler: Annotated[str, typer.Option(help="How they are taken: ancestral or flow.")] = "ancestral",
    guidance: Annotated[
        float, typer.Option(min=0, help="Strength of the lean toward low barriers, such as 1; 0 for none.")
    ] = 0.0,
    level: Annotated[
        str, typer.Option(help="Level of theory at which the reactant is relaxed: gfn2 or another of `cairn levels`.")
    ] = "gfn2",
    levels: Annotated[Path | None, typer.Option(help="YAML file with further levels of theory.")] = None,
    seed: Annotated[int, typer.Option(help="Of embedding and noise.")] = 0,
    checkpoint: Annotated[Path | None, typer.Option(help="Weights, as `cairn train joint` writes them.")] = None,
    device: Annotated[str, typer.Option(help="Where the network runs: auto, cpu or cuda.")] = "auto",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Write the first draw of each reaction, extended XYZ: three frames each."),
    ] = None,
    json_only: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Draw reactions of a molecule from a joint diffusion of reactant, transition state and product.

    The lowest of a few relaxed conformers is the reactant. Each draw is perceived and held against the valence rules
    of `cairn enumerate` and against bounds on the bonds that change; of what is thrown away the reason is told. Whether
    it is enumerated is said of two bonds broken and two formed, by the same valence rules. Nothing is verified, and no
    barrier is known: see `cairn explore` with `propose`, or `cairn ts`.

    Examples:

        cairn propose O=CCCOO -n 200

        cairn propose O=CCCOO -n 200 --json
    """
    from rich.console import Console  # noqa: PLC0415

    from chem.conformers import relaxed_conformers  # noqa: PLC0415
    from chem.enumeration import EnumerationRules, check_elements, enumerate_reactions  # noqa: PLC0415
    from chem.errors import CalculationError, SmilesError  # noqa: PLC0415
    from chem.levels import read_levels, resolve_level  # noqa: PLC0415
    from chem.proposals import sieve  # noqa: PLC0415
    from chem.smiles import parse_smiles  # noqa: PLC0415
    from cli.bars import counted  # noqa: PLC0415
    from models.joint_reactions import Proposer  # noqa: PLC0415 (torch)
    from models.joint_sampling import JointSampling  # noqa: PLC0415

    check_output(output)
    rules = EnumerationRules(break_bonds=break_bonds, form_bonds=form_bonds, carbenes=carbenes, zwitterions=zwitterions)
    graph = parse_smiles(smiles)
    check_elements(graph)
    if len(graph.fragments) != 1:
        raise SmilesError(f"{smiles!r} holds {len(graph.fragments)} molecules; give one")
    resolved = resolve_level(level, entries=read_levels(levels))
    proposer = Proposer(
        checkpoint, sampling=JointSampling(n_steps=steps, sampler=sampler, guidance=guidance), device=device
    )
    drawing = {
        "smiles": smiles,
        "composition": composition,
        "checkpoint_sha256": proposer.checkpoint.sha256,
        "seed": seed,
        "steps": steps,
        "sampler": sampler,
        "guidance": guidance,
        "rules": {
            "break_bonds": break_bonds,
            "form_bonds": form_bonds,
            "carbenes": carbenes,
            "zwitterions": zwitterions,
        },
    }
    if composition:
        with counted("draws") as show:
            proposals = proposer.draw_from_composition(_numbers(graph.numbers), n, seed, show)
        sieved = sieve(proposals, rules)
        record = proposals_record(sieved, drawing, level=None, gradient_calls=0, enumerated=None)
    else:
        proposer.check(_numbers(graph.numbers), graph.charge, graph.multiplicity)
        with Console(stderr=True).status(f"relaxing the reactant at {level}"):
            found = relaxed_conformers(graph, resolved, seed=seed)
        if found.failure is not None:
            raise CalculationError(found.failure.kind, f"the reactant does not relax: {found.failure.message}")
        with counted("draws") as show:
            (proposals,) = proposer.draw([found.relaxed[0].geometry], n, seed, show)
        sieved = sieve(proposals, rules, graph)
        plain = EnumerationRules(carbenes=carbenes, zwitterions=zwitterions)
        keys = {reaction.key for reaction in enumerate_reactions(graph, plain)}
        record = proposals_record(sieved, drawing, level=resolved, gradient_calls=found.gradient_calls, enumerated=keys)
    write_and_show(
        output,
        lambda path: write_proposals(path, sieved.reactions),
        lambda: print_json(record) if json_only else _print(record),
    )
    if output is not None and not json_only:
        typer.echo(f"first draws of {len(sieved.reactions)} reactions written to {output}")


def _numbers(numbers: Sequence[int]) -> Any:
    import numpy as np  # noqa: PLC0415

    return np.array(numbers)


def proposals_record(
    sieved: Sieved,
    drawing: dict[str, Any],
    *,
    level: LevelOfTheory | None,
    gradient_calls: int,
    enumerated: Collection[str] | None,
) -> dict[str, Any]:
    """The JSON of `cairn propose`.

    Args:
        sieved: What came of the draws.
        drawing: How they were made, as JSON values.
        level: At which the reactant was relaxed; None where it was drawn as well.
        gradient_calls: Spent on the reactant.
        enumerated: Keys of all that enumeration with two bonds broken and two formed gives; None where there is no one
            reactant.
    """
    return {
        **drawing,
        "level": None if level is None else plain_level(level),
        "gradient_calls": gradient_calls,
        "draws": sieved.n_sound + len(sieved.thrown_away),
        "sound": sieved.n_sound,
        "thrown_away": {reason.value: count for reason, count in sieved.reasons.items()},
        "enumeration_size": None if enumerated is None else len(enumerated),
        "reactions": [_reaction_record(each, enumerated) for each in sieved.reactions],
    }


def _reaction_record(proposed: ProposedReaction, enumerated: Collection[str] | None) -> dict[str, Any]:
    from chem.identity import mapped_smiles  # noqa: PLC0415

    reaction = proposed.reaction
    return {
        "key": reaction.key,
        "reactants": [species.smiles for species in reaction.reactants],
        "products": [species.smiles for species in reaction.products],
        "mapped_smiles": mapped_smiles(reaction),
        "broken": [[i + 1, j + 1] for i, j in reaction.broken],
        "formed": [[i + 1, j + 1] for i, j in reaction.formed],
        "pairs_broken": proposed.moved.broken,
        "pairs_formed": proposed.moved.formed,
        "degeneracy": reaction.degeneracy,
        "drawn": len(proposed.draws),
        "samples": [each.sample for each in proposed.draws],
        "enumerated": None if enumerated is None else reaction.key in enumerated,
    }


def write_proposals(path: Path, reactions: Sequence[ProposedReaction]) -> None:
    """Write reactant, transition state and product of the first draw of each reaction, superposed on the reactant."""
    from chem.alignment import align  # noqa: PLC0415
    from chem.xyz import write_extended_xyz  # noqa: PLC0415

    frames = []
    for proposed in reactions:
        draw = proposed.draws[0]
        onto = draw.reactant.positions
        for name, geometry in (("reactant", draw.reactant), ("ts", draw.ts), ("product", draw.product)):
            facts = {
                "key": proposed.reaction.key,
                "object": name,
                "drawn": len(proposed.draws),
                "seed": draw.seed,
                "sample": draw.sample,
            }
            frames.append((geometry.with_positions(align(geometry.positions, onto)), facts))
    write_extended_xyz(path, frames)


def _print(record: dict[str, Any]) -> None:
    from chem.proposals import MEANING, Reason  # noqa: PLC0415

    whole = record["composition"]
    print_table(
        f"{len(record['reactions'])} reactions in {record['sound']} sound draws of {record['draws']}, weights"
        f" {record['checkpoint_sha256'][:12]}, seed {record['seed']}",
        ("reaction" if whole else "products", "broken", "formed", "drawn", "enumerated", "key"),
        [
            (
                (" + ".join(each["reactants"]) + " -> " if whole else "") + " + ".join(each["products"]),
                _bonds(each["broken"]),
                _bonds(each["formed"]),
                each["drawn"],
                None if each["enumerated"] is None else "yes" if each["enumerated"] else "no",
                each["key"],
            )
            for each in record["reactions"]
        ],
        right=("drawn",),
    )
    for reason, count in record["thrown_away"].items():
        typer.echo(f"thrown away: {count}, since {MEANING[Reason(reason)]}")


def _bonds(pairs: list[list[int]]) -> str:
    return " ".join(f"{i}-{j}" for i, j in pairs) or "none"
