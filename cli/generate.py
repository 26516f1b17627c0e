"""`cairn generate`: transition states between one reactant and one product, from the trained generator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import check_output, print_json, print_table, write_and_show

if TYPE_CHECKING:
    from chem.generator import EndPoints
    from chem.types import TSCandidate


def generate_command(
    reactant: Annotated[Path, typer.Argument(help="Reactant side, XYZ; several molecules may lie in one file.")],
    product: Annotated[Path, typer.Argument(help="Product side, XYZ, the same atoms in the same order.")],
    n_samples: Annotated[int, typer.Option("-n", "--samples", min=1, help="Candidates to draw.")] = 8,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the candidates, extended XYZ.")] = None,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Only the one candidate that is drawn without noise.")
    ] = False,
    device: Annotated[str, typer.Option(help="Where the network runs: auto, cpu or cuda.")] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
    charge: Annotated[int, typer.Option(help="Total charge.")] = 0,
    multiplicity: Annotated[int, typer.Option(min=1, help="Spin multiplicity 2S+1.")] = 1,
    checkpoint: Annotated[Path | None, typer.Option(help="Weights of the generator; default the shipped ones.")] = None,
    confidence: Annotated[
        Path | None,
        typer.Option(help="Weights of its confidence. With --checkpoint and without this, nothing is ranked."),
    ] = None,
    json_only: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Generate transition states between a reactant and a product given in one atom order.

    Candidates come best first, in that atom order, superposed on the reactant. The confidence is the probability that a
    candidate lies within 0.2 Angstrom of the transition state, the expected error that of its barrier once polished.
    What the generator was not trained on gets the confidence 0, and the reason. Nothing is verified: see `cairn ts`.

    Examples:

        cairn generate reactant.xyz product.xyz -n 16 -o candidates.extxyz

        cairn generate reactant.xyz product.xyz --deterministic --json
    """
    from rich.console import Console  # noqa: PLC0415

    from chem.errors import ElementError  # noqa: PLC0415
    from chem.generator import EndPoints  # noqa: PLC0415
    from chem.xyz import read_xyz  # noqa: PLC0415
    from models.generator import DiffusionGenerator  # noqa: PLC0415
    from models.generator_sampling import SamplingConfig  # noqa: PLC0415

    check_output(output)
    ends = EndPoints(
        reactant=read_xyz(reactant, charge=charge, multiplicity=multiplicity),
        product=read_xyz(product, charge=charge, multiplicity=multiplicity),
    )
    with Console(stderr=True).status("generating"):
        generator = DiffusionGenerator(
            checkpoint=checkpoint,
            confidence=confidence,
            sampling=SamplingConfig(n_samples=n_samples, seed=seed, deterministic=deterministic),
            device=device,
            scored=confidence is not None or checkpoint is None,
        )
        reasons = generator.unsupported(ends)
        if reasons:
            raise ElementError(
                f"{reactant}: {'; '.join(reasons)}; search with `cairn ts`, or give weights that know these elements"
            )
        (candidates,) = generator.generate([ends])
    judged = judge(candidates, ends)
    write_and_show(
        output,
        lambda path: write_candidates(path, judged),
        lambda: print_json(generation_record(judged, ends)) if json_only else _print(judged),
    )
    if output is not None and not json_only:
        typer.echo(f"{len(judged)} candidates written to {output}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedCandidate:
    """A candidate with what can be said of it at once.

    Attributes:
        rank: Place among the candidates, 1 for the recommended one.
        candidate: Itself.
        rmsd_angstrom: Deviation from the recommended one, strict.
        faults: What `chem.hard_checks.hard_checks` says of it.
    """

    rank: int
    candidate: TSCandidate
    rmsd_angstrom: float
    faults: tuple[str, ...]


def judge(candidates: Sequence[TSCandidate], ends: EndPoints) -> list[JudgedCandidate]:
    """Compare candidates with the first and check each.

    Args:
        candidates: Best first.
        ends: Reactant and product.
    """
    from chem.alignment import rmsd  # noqa: PLC0415
    from chem.hard_checks import hard_checks  # noqa: PLC0415

    return [
        JudgedCandidate(
            rank=rank,
            candidate=each,
            rmsd_angstrom=rmsd(each.geometry.positions, candidates[0].geometry.positions),
            faults=hard_checks(each.geometry, ends),
        )
        for rank, each in enumerate(candidates, start=1)
    ]


def facts_of(judged: JudgedCandidate) -> dict[str, Any]:
    """What is known of a candidate as plain JSON values, units in the names."""
    candidate = judged.candidate
    return {
        "rank": judged.rank,
        "sample": candidate.sample,
        "confidence": candidate.confidence,
        "expected_error_kcal_mol": candidate.expected_error_kcal_mol,
        "rmsd_to_recommended_angstrom": judged.rmsd_angstrom,
        "faults": list(judged.faults),
    }


def generation_record(judged: Sequence[JudgedCandidate], ends: EndPoints) -> dict[str, Any]:
    """All candidates of a reaction as plain JSON values, best first."""
    first = judged[0].candidate
    return {
        "generator": first.generator,
        "checkpoint_sha256": first.checkpoint_hash,
        "seed": first.seed,
        "charge": ends.reactant.charge,
        "multiplicity": ends.reactant.multiplicity,
        "symbols": list(ends.reactant.symbols),
        "unscored_reasons": list(first.unscored_reasons),
        "candidates": [
            {**facts_of(each), "positions_angstrom": each.candidate.geometry.positions.tolist()} for each in judged
        ],
    }


def write_candidates(path: Path, judged: Sequence[JudgedCandidate]) -> None:
    """Write candidates as extended XYZ, best first, what is known of each as keys of its second line."""
    from chem.xyz import write_extended_xyz  # noqa: PLC0415

    frames = []
    for each in judged:
        geometry = each.candidate.geometry
        facts = {**facts_of(each), "faults": "; ".join(each.faults)}
        facts |= {
            "unscored_reasons": "; ".join(each.candidate.unscored_reasons),
            "generator": each.candidate.generator,
            "checkpoint_sha256": each.candidate.checkpoint_hash,
            "seed": each.candidate.seed,
            "charge": geometry.charge,
            "multiplicity": geometry.multiplicity,
        }
        frames.append((geometry, {name: value for name, value in facts.items() if value != ""}))
    write_extended_xyz(path, frames)


def _print(judged: Sequence[JudgedCandidate]) -> None:
    first = judged[0].candidate
    columns = ("rank", "sample", "confidence", "expected error\nkcal/mol", "RMSD to first\nÅ")
    print_table(
        f"{len(judged)} candidates of {first.generator} {first.checkpoint_hash[:12]}, seed {first.seed}",
        (*columns, "faults"),
        [
            (
                each.rank,
                each.candidate.sample,
                _number(each.candidate.confidence, 2),
                _number(each.candidate.expected_error_kcal_mol, 1),
                f"{each.rmsd_angstrom:.3f}",
                "; ".join(each.faults) or None,
            )
            for each in judged
        ],
        right=columns,
    )
    for reason in first.unscored_reasons:
        typer.echo(f"no confidence: {reason}")


def _number(value: float | None, digits: int) -> str | None:
    return None if value is None else f"{value:.{digits}f}"
