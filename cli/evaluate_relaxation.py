"""`cairn evaluate morered`, `potential` and `dig`: on structures that no network was trained on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chem.errors import CalculationError
from cli.bars import counted
from cli.output import print_json, print_table

if TYPE_CHECKING:
    from chem.types import LevelOfTheory
    from models.structure_batch import StructureArrays
    from models.structure_data import StructureData
    from tasks.outlier_evaluation import OutlierSummary
    from tasks.relax_evaluation import RelaxationEvaluation

TIMED = 100  # structures that the level of theory is timed on


def morered_command(
    data: Annotated[Path, typer.Option(help="Minima, as `cairn minima` writes them.")],
    split: Annotated[str, typer.Option(help="val or test.")] = "test",
    joint: Annotated[Path | None, typer.Option(help="Weights of the form joint (variant JT).")] = None,
    separate: Annotated[Path | None, typer.Option(help="Weights of the form separate (variants ITP and AS).")] = None,
    potential: Annotated[Path | None, typer.Option(help="Weights of the force field.")] = None,
    noise: Annotated[
        list[float] | None, typer.Option(help="Noise on every coordinate, Angstrom; may be given more than once.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="So many structures of the split, drawn at random.")] = None,
    level: Annotated[str, typer.Option(help="Level of theory of the minima.")] = "gfn2",
    blind: Annotated[bool, typer.Option("--blind", help="Do not tell the networks the bonds of the minimum.")] = False,
    seed: Annotated[int, typer.Option(help="Of the draw and the noise.")] = 0,
    device: Annotated[str, typer.Option(help="Where networks run: auto, cpu or cuda.")] = "auto",
    json_only: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Measure how well noised minima are relaxed: MoreRed beside MMFF94, GFN2-xTB and a force field.

    A way fails where the structure ends further from the minimum than it began, or with other bonds. Energies and the
    gradients that are left to do are at the level that the minima come from. Networks without weights are left out.

    Example:

        cairn evaluate morered --data minima.npz --joint runs/morered/weights.safetensors --limit 100 --json
    """
    from chem.errors import InputError  # noqa: PLC0415
    from chem.levels import resolve_level  # noqa: PLC0415
    from models.structure_data import read_structures  # noqa: PLC0415
    from tasks.relax_evaluation import evaluate_relaxation  # noqa: PLC0415

    stored, resolved = read_structures(data), resolve_level(level)
    if resolved.key != stored.level:
        raise InputError(f"{data} holds minima of {stored.level}, not of {resolved.key}; give their level with --level")
    if any(not each > 0.0 for each in noise or ()):
        raise typer.BadParameter("noise must be above 0", param_hint="--noise")
    methods: dict[str, Path | None] = {}  # networks first: what they cannot read is found before time is spent
    if joint is not None:
        methods["morered-jt"] = joint
    if separate is not None:
        methods |= {"morered-itp": separate, "morered-as": separate}
    if potential is not None:
        methods["potential"] = potential
    methods |= {"none": None, "mmff94": None, "gfn2": None}
    with counted("ways and levels of noise") as progress:
        result = evaluate_relaxation(
            _drawn(stored, split, limit, seed),
            resolved,
            methods,
            noises_angstrom=tuple(noise or (0.1, 0.2, 0.3)),
            told_bonds=not blind,
            seed=seed,
            device=device,
            progress=progress,
        )
    if json_only:
        print_json(
            {"data": str(data), "split": split, "seed": seed, "told_bonds": not blind, **relaxation_record(result)}
        )
        return
    columns = (
        "way",
        "noise, Å",
        "n",
        "RMSD ratio",
        "failed",
        "other bonds",
        "above, kcal/mol",
        "gradients left",
        "own",
    )
    rows = []
    for each in result.summaries:
        height = each.energy_above_minimum_median_kcal_mol
        rows.append(
            (
                each.method,
                "" if each.noise_angstrom is None else f"{each.noise_angstrom:g}",
                each.n,
                f"{each.rmsd_ratio_median:.3f}",
                f"{100 * each.failure_share:.0f} %",
                f"{100 * each.other_bonds_share:.0f} %",
                None if height is None else f"{height:.1f}",
                each.gradient_calls_after_median,
                f"{each.evaluations_mean:.1f}",
            )
        )
    print_table(f"noised minima of {split} at {result.level}; medians of ratio, height and gradients", columns, rows)
    for method, value in result.noise_rank_correlation.items():
        shown = "not defined" if value is None else f"{value:.2f}"
        typer.echo(f"{method}: rank correlation of the noise it sees and the RMSD {shown}")


def relaxation_record(result: RelaxationEvaluation) -> dict[str, Any]:
    """The JSON of `cairn evaluate morered`."""
    from dataclasses import asdict  # noqa: PLC0415

    return {
        "level": result.level,
        "noise_rank_correlation": dict(result.noise_rank_correlation),
        "summaries": [asdict(each) for each in result.summaries],
    }


def potential_command(
    data: Annotated[Path, typer.Option(help="Structures with energies and forces, as `cairn label` writes them.")],
    split: Annotated[str, typer.Option(help="val or test.")] = "test",
    checkpoint: Annotated[
        Path | None, typer.Option(help="Weights of the force field; default the shipped ones.")
    ] = None,
    without_dens: Annotated[
        Path | None, typer.Option(help="Weights of another, trained without DeNS, to measure beside it.")
    ] = None,
    level: Annotated[str, typer.Option(help="Level of theory that is timed beside it.")] = "gfn2",
    limit: Annotated[int | None, typer.Option(min=1, help="So many structures of the split, drawn at random.")] = None,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    device: Annotated[str, typer.Option(help="Where the network runs: auto, cpu or cuda.")] = "auto",
    json_only: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Measure the errors of the force field, and how many structures a second it judges.

    JSON fields: `force_mae_ev_per_angstrom` (mean over all components), `energy_mae_ev`, `energy_mae_ev_per_atom`,
    `structures_per_second` (energies and forces, all structures as batches), `level_structures_per_second` (of up to
    100 of them at a level of theory, one after the other on one core), `trained_with_dens` (whether denoising was a
    second task), and `without_dens`: the three errors of the other weights, null without them.

    Example:

        cairn evaluate potential --data labels.npz --checkpoint runs/potential/weights.safetensors --json
    """
    import torch  # noqa: PLC0415

    from chem.errors import InputError  # noqa: PLC0415
    from chem.levels import resolve_level  # noqa: PLC0415
    from models.potential_calculator import load_potential  # noqa: PLC0415
    from models.potential_training import validate  # noqa: PLC0415
    from models.structure_batch import collate_structures  # noqa: PLC0415
    from models.structure_data import read_structures  # noqa: PLC0415

    stored = read_structures(data)
    if not stored.labelled:
        raise InputError(f"{data} holds structures without energies and forces; make a file with `cairn label`")
    structures = _drawn(stored, split, limit, seed)
    model = load_potential(checkpoint, device=device)
    other = None if without_dens is None else load_potential(without_dens, device=device)
    if other is not None and other.config.denoising.structure_share > 0.0:
        raise InputError(f"{without_dens} was trained with DeNS; give weights whose denoising.structure_share is 0")
    scale = model.scale_ev
    batch = collate_structures(structures, scale.dtype).to(scale.device)
    began = time.perf_counter()
    found = validate(model, batch)
    if scale.device.type == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - began
    record = {
        "data": str(data),
        "split": split,
        "level": stored.level,
        "n": len(structures),
        "trained_with_dens": model.config.denoising.structure_share > 0.0,
        **found,
        "without_dens": None if other is None else validate(other, batch),
        "structures_per_second": round(len(structures) / seconds, 1),
        "level_structures_per_second": round(_timed(structures[:TIMED], resolve_level(level)), 1),
        "device": scale.device.type,
    }
    if json_only:
        print_json(record)
        return
    print_table("force field", ("", ""), [(name.replace("_", " "), str(value)) for name, value in record.items()])


def _timed(structures: Sequence[StructureArrays], level: LevelOfTheory) -> float:
    """Energies and forces a second, one structure after the other."""
    from chem.potential import GradientCounter, attach  # noqa: PLC0415
    from chem.types import Geometry  # noqa: PLC0415

    began = time.perf_counter()
    for each in structures:
        geometry = Geometry(numbers=each.numbers, positions=each.positions)
        with suppress(CalculationError):  # a failure takes its time too
            attach(geometry, level, GradientCounter()).get_forces()
    return len(structures) / (time.perf_counter() - began)


def dig_command(
    data: Annotated[Path, typer.Option(help="Minima, as `cairn minima` writes them.")],
    split: Annotated[str, typer.Option(help="val or test.")] = "test",
    checkpoint: Annotated[Path | None, typer.Option(help="Weights of DiG; default the shipped ones.")] = None,
    samples: Annotated[int, typer.Option(min=1, help="Guesses of each molecule.")] = 10,
    limit: Annotated[int | None, typer.Option(min=1, help="So many molecules of the split, drawn at random.")] = None,
    seed: Annotated[int, typer.Option(help="Of the draw and the guesses.")] = 0,
    device: Annotated[str, typer.Option(help="Where the network runs: auto, cpu or cuda.")] = "auto",
    json_only: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Measure how near conformers drawn from bonds alone come to a minimum, DiG beside ETKDG, nothing relaxed.

    Like atoms may be exchanged and structures mirrored. The minimum is one conformer of many, so a guess far from it
    may be near another; the nearest of several guesses tells more. How well the likelihood of DiG tells the minima
    from structures that are none is measured too: noised, with a bond that is too long, and told bonds that are not
    theirs (AUROC; 0.5 tells nothing, 1 everything).

    Example:

        cairn evaluate dig --data minima.npz --checkpoint runs/dig/weights.safetensors --limit 100 --json
    """
    from dataclasses import asdict  # noqa: PLC0415

    from models.structure_data import read_structures  # noqa: PLC0415
    from tasks.conformer_evaluation import evaluate_conformers  # noqa: PLC0415
    from tasks.outlier_evaluation import evaluate_outliers  # noqa: PLC0415

    stored = read_structures(data)
    drawn = _drawn(stored, split, limit, seed)
    with counted("molecules") as progress:
        found = evaluate_conformers(
            drawn,
            checkpoint=checkpoint,
            samples=samples,
            seed=seed,
            device=device,
            progress=progress,
        )
    with counted("kinds of structures") as progress:
        outliers = evaluate_outliers(drawn, checkpoint=checkpoint, seed=seed, device=device, progress=progress)
    if json_only:
        print_json(
            {
                "data": str(data),
                "split": split,
                "level": stored.level,
                "seed": seed,
                "summaries": [asdict(each) for each in found],
                **outlier_record(outliers),
            }
        )
        return
    columns = ("way", "RMSD, Å", "of the nearest, Å", "with a near one", "right bonds", "s a guess")
    rows = [
        (
            each.method,
            f"{each.rmsd_median_angstrom:.2f}",
            f"{each.best_rmsd_median_angstrom:.2f}",
            f"{100 * each.near_share:.0f} %",
            f"{100 * each.right_bonds_share:.0f} %",
            f"{each.seconds_mean:.3f}",
        )
        for each in found
    ]
    print_table(f"{found[0].n} molecules of {split}, {samples} guesses each; medians of RMSD", columns, rows)
    told = [
        (kind.replace("_", " "), outliers.n_outliers[kind], None if value is None else f"{value:.3f}")
        for kind, value in outliers.auroc.items()
    ]
    print_table(f"likelihood of {outliers.n} minima against structures that are none", ("kind", "n", "AUROC"), told)


def outlier_record(found: OutlierSummary) -> dict[str, Any]:
    """The fields of `cairn evaluate dig` that the likelihood has.

    Args:
        found: Of the same molecules as the conformers.
    """
    return {
        "outlier_auroc": found.auroc,
        "n_outliers": found.n_outliers,
        "log_likelihood_per_degree_of_freedom_median": found.median,
        "log_likelihood_per_degree_of_freedom_p5": found.p5,
        "likelihood_seconds_mean": found.seconds_mean,
    }


def _drawn(stored: StructureData, split: str, limit: int | None, seed: int) -> list[StructureArrays]:
    import numpy as np  # noqa: PLC0415

    from chem.errors import InputError  # noqa: PLC0415

    every = stored.split(split)
    if not every:
        known = ", ".join(sorted(set(stored.splits.tolist())))
        raise InputError(f"the file holds no structures of the split {split!r}, only of {known}")
    order = np.random.default_rng(seed).permutation(len(every))[:limit]
    return [every[place] for place in order.tolist()]
