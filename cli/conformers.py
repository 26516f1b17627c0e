"""`cairn conformers`: an ensemble of relaxed conformers with weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import check_output, plain_level, print_json, print_table, write_and_show

if TYPE_CHECKING:
    from chem.ensemble import Ensemble
    from chem.types import LevelOfTheory


def conformers_command(
    smiles: Annotated[str, typer.Argument(help="SMILES of one molecule.")],
    method: Annotated[str, typer.Option(help="How conformers are guessed: etkdg or dig.")] = "etkdg",
    n: Annotated[int, typer.Option("-n", "--number", min=1, help="Guesses.")] = 50,
    level: Annotated[
        str, typer.Option(help="Level of theory at which they are relaxed: gfn2 or another of `cairn levels`.")
    ] = "gfn2",
    levels: Annotated[Path | None, typer.Option(help="YAML file with further levels of theory.")] = None,
    temperature: Annotated[float, typer.Option(min=0.1, help="Temperature of the weights, K.")] = 298.15,
    seed: Annotated[int, typer.Option(help="Of the guesses.")] = 0,
    checkpoint: Annotated[Path | None, typer.Option(help="Weights for dig; default the shipped ones.")] = None,
    device: Annotated[str, typer.Option(help="Where the network of dig runs: auto, cpu or cuda.")] = "auto",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the conformers, extended XYZ.")] = None,
    json_only: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Find conformers of a molecule, relax them all, prove that they are minima, and weigh them at a temperature.

    What relaxes to a saddle point is pushed off it along its imaginary mode. Conformers whose energies agree within
    1 meV count as one; where a conformer and its mirror image are two, its weight is that of both. Weights take
    electronic energies alone, as if all conformers vibrated alike. The ensemble correction is how far the free energy
    of the ensemble lies below that of its lowest conformer.

    Example:

        cairn conformers OCCO -n 30 -o glycol.extxyz
    """
    from rich.console import Console  # noqa: PLC0415

    from chem.conformers import relax_guesses, relaxed_conformers  # noqa: PLC0415
    from chem.ensemble import prove_ensemble  # noqa: PLC0415
    from chem.errors import ConfigurationError, SmilesError  # noqa: PLC0415
    from chem.levels import read_levels, resolve_level  # noqa: PLC0415
    from chem.smiles import parse_smiles  # noqa: PLC0415

    check_output(output)
    if method not in ("etkdg", "dig"):
        raise ConfigurationError(f"method {method!r} is unknown; give etkdg or dig")
    graph = parse_smiles(smiles)
    if len(graph.fragments) != 1:
        raise SmilesError(f"{smiles!r} holds {len(graph.fragments)} molecules; give one")
    resolved = resolve_level(level, entries=read_levels(levels))
    with Console(stderr=True).status(f"relaxing {n} guesses at {level}"):
        if method == "dig":
            from models.dig_conformers import guessed_conformers, load_dig  # noqa: PLC0415 (torch)

            guesses = guessed_conformers(load_dig(checkpoint, device=device), graph, n, seed)
            relaxed = relax_guesses(graph, guesses, resolved, embedding="dig")
        else:
            relaxed = relaxed_conformers(graph, resolved, n_embeddings=n, seed=seed)
        found = prove_ensemble(graph, relaxed, resolved)
    record = ensemble_record(smiles, found, resolved, n, temperature)
    write_and_show(
        output,
        lambda path: _write(path, found, record["conformers"]),
        lambda: print_json(record) if json_only else _print(record),
    )
    if output is not None and not json_only:
        typer.echo(f"{len(found.minima)} conformers written to {output}")


def ensemble_record(
    smiles: str, found: Ensemble, level: LevelOfTheory, n_guesses: int, temperature_k: float
) -> dict[str, Any]:
    """The JSON of `cairn conformers`.

    Args:
        smiles: As given.
        found: At least one conformer.
        level: Their level of theory.
        n_guesses: Guesses relaxed.
        temperature_k: Of the weights.
    """
    from chem.ensemble import boltzmann_weights, ensemble_correction_ev  # noqa: PLC0415
    from chem.units import kcal_mol  # noqa: PLC0415

    energies = [each.energy_ev for each in found.minima]
    weights = boltzmann_weights(energies, temperature_k, found.degeneracies).tolist()
    return {
        "smiles": smiles,
        "method": found.embedding,
        "level": plain_level(level),
        "guesses": n_guesses,
        "gradient_calls": found.gradient_calls,
        "hessian_calls": found.hessian_calls,
        "not_proved": found.not_proved,
        "temperature_k": temperature_k,
        "ensemble_correction_kcal_mol": kcal_mol(ensemble_correction_ev(energies, temperature_k, found.degeneracies)),
        "conformers": [
            {
                "energy_ev": each.energy_ev,
                "relative_energy_kcal_mol": kcal_mol(each.energy_ev - energies[0]),
                "degeneracy": degeneracy,
                "weight": weight,
                "lowest_frequency_cm1": min(map(float, each.vibrations.frequencies_cm1), default=None),
                "symbols": list(each.geometry.symbols),
                "positions": each.geometry.positions.tolist(),
            }
            for each, weight, degeneracy in zip(found.minima, weights, found.degeneracies, strict=True)
        ],
    }


def _write(path: Path, found: Ensemble, rows: Sequence[dict[str, Any]]) -> None:
    from chem.xyz import write_extended_xyz  # noqa: PLC0415

    told = ("energy_ev", "relative_energy_kcal_mol", "weight")
    pairs = zip(found.minima, rows, strict=True)
    write_extended_xyz(path, [(each.geometry, {name: row[name] for name in told}) for each, row in pairs])


def _print(record: dict[str, Any]) -> None:
    rows = [
        (
            place,
            f"{each['relative_energy_kcal_mol']:.2f}",
            each["degeneracy"],
            f"{100 * each['weight']:.1f} %",
            f"{each['energy_ev']:.4f}",
        )
        for place, each in enumerate(record["conformers"], start=1)
    ]
    columns = ("", "above the lowest, kcal/mol", "mirror images", "weight", "energy, eV")
    title = f"{len(rows)} conformers of {record['smiles']} from {record['guesses']} guesses ({record['method']})"
    print_table(title, columns, rows, right=columns[1:])
    typer.echo(
        f"at {record['temperature_k']:g} K the ensemble lies {-record['ensemble_correction_kcal_mol']:.2f} kcal/mol"
        f" below its lowest conformer; {record['gradient_calls']} gradients"
    )
