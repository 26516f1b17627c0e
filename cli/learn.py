"""`cairn learn`: a database teaches the generator, and a new version must prove better before it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import print_json, print_table
from cli.query import DEFAULT_DATABASE, Database

if TYPE_CHECKING:
    from db.model_versions import ModelVersion
    from tasks.learning import LearningOutcome

ORIGINS = {"campaign": "held out of the database", "base": "test of the base data"}
FIGURES = tuple(
    name.format(origin=origin)
    for origin in ORIGINS
    for name in (
        "{origin}_reactions",
        "{origin}_rmsd_mean_before_angstrom",
        "{origin}_rmsd_mean_after_angstrom",
        "{origin}_rmsd_median_before_angstrom",
        "{origin}_rmsd_median_after_angstrom",
        "{origin}_rmsd_difference_angstrom",
        "{origin}_rmsd_difference_low_angstrom",
        "{origin}_rmsd_difference_high_angstrom",
        "{origin}_barrier_error_mean_before_kcal_mol",
        "{origin}_barrier_error_mean_after_kcal_mol",
        "{origin}_barrier_error_left_before_kcal_mol",
        "{origin}_barrier_error_left_after_kcal_mol",
        "{origin}_captured_share_before",
        "{origin}_captured_share_after",
    )
)


def learn_command(
    base: Annotated[
        Path | None,
        typer.Option(help="Reactions not to be forgotten: .npz, Transition1x's .h5 or the folder of RDB7."),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file; configs/learn.yaml explains every key.")] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Where versions are kept; default: beside the SQLite file, or runs/models.")
    ] = None,
    minimum_new: Annotated[
        int | None,
        typer.Option(
            "--minimum-new", min=1, help="Verified transition states that must be new since the last version."
        ),
    ] = None,
    max_hours: Annotated[
        float | None, typer.Option("--max-hours", min=0.0, help="Stop training with a checkpoint after so long, h.")
    ] = None,
    list_versions: Annotated[bool, typer.Option("--list", help="Only show the versions with their figures.")] = False,
    back: Annotated[bool, typer.Option("--roll-back", help="Only put the version before in use again.")] = False,
    database: Database = DEFAULT_DATABASE,
    json_lines: Annotated[bool, typer.Option("--json", help="JSON on standard output, one object a line.")] = False,
) -> None:
    """Train the generator on from what was verified, and use the new version only if it is better.

    Verified transition states of the database, those of wrongly believed estimates more often, are joined to base data.
    The generator learns on from the weights in use, its confidence is calibrated anew, and both versions make
    the same held-out reactions: the new one is promoted where the strict RMSD (Angstrom) of the database's became
    smaller beyond doubt and that of the base data hardly larger. What is refused keeps its figures. A run that was
    stopped goes on where it was. Campaigns with `checkpoint: learned` take the version in use when they begin.

    Examples:

        cairn learn --base rdb7.npz --db sqlite:///runs/cairn.db

        cairn learn --list --json

        cairn learn --roll-back
    """
    from db.engine import without_password  # noqa: PLC0415

    if list_versions and back:
        raise typer.BadParameter("give --list or --roll-back, not both", param_hint="--list")
    database = without_password(database)
    if list_versions:
        _show_versions(database, json_lines=json_lines)
        return
    if back:
        _go_back(database, json_lines=json_lines)
        return
    from cli.bars import stages  # noqa: PLC0415
    from tasks.learning import learn  # noqa: PLC0415
    from tasks.learning_settings import load_learn_settings  # noqa: PLC0415

    given = {"base": base, "folder": folder, "minimum_new": minimum_new, "max_hours": max_hours}
    settings = load_learn_settings(config, **{name: value for name, value in given.items() if value is not None})
    with stages() as progress:
        outcome = learn(settings, database, progress)
    if json_lines:
        print_json(outcome_record(outcome))
        return
    for reason in outcome.reasons:
        typer.echo(reason)
    if outcome.figures:
        _print_figures(outcome.figures, settings.level)
    new = (
        "" if outcome.generator_sha256 is None else f": version {outcome.generator_sha256[:12]}, kept in {outcome.run}"
    )
    typer.echo(f"{outcome.status}{new}")


def outcome_record(outcome: LearningOutcome) -> dict[str, Any]:
    """What became of a run, as plain JSON values."""
    return {
        "status": outcome.status,
        "reasons": list(outcome.reasons),
        "run": None if outcome.run is None else str(outcome.run),
        "generator_sha256": outcome.generator_sha256,
        "confidence_sha256": outcome.confidence_sha256,
        "barrier_head_sha256": outcome.barrier_head_sha256,
        **{name: outcome.figures.get(name) for name in FIGURES},
    }


def version_records(versions: Sequence[ModelVersion]) -> list[dict[str, Any]]:
    """Versions as plain JSON values, the oldest first; a generator is one with what was calibrated for it."""
    belonging = {(one.generator_hash, one.name): one for one in versions if one.generator_hash is not None}
    records = []
    for one in versions:
        if one.generator_hash is not None:
            continue
        own, head = (belonging.get((one.checkpoint_hash, name)) for name in ("confidence", "barrier_head"))
        records.append(
            {
                "generator_sha256": one.checkpoint_hash,
                "confidence_sha256": None if own is None else own.checkpoint_hash,
                "barrier_head_sha256": None if head is None else head.checkpoint_hash,
                "parent_sha256": one.parent_hash,
                "status": one.status.value,
                "created_at": None if one.created_at is None else one.created_at.isoformat(),
                "generator_file": one.file,
                "confidence_file": None if own is None else own.file,
                "barrier_head_file": None if head is None else head.file,
                "run": one.metrics.get("run"),
                "level": one.metrics.get("level"),
                "n_transition_states": one.metrics.get("n_transition_states"),
                "reasons": one.metrics.get("reasons", []),
                "data_sha256": dict(one.data_hashes),
                **{name: one.metrics.get(name) for name in FIGURES},
            }
        )
    return records


def _show_versions(database: str, *, json_lines: bool) -> None:
    from db.engine import open_database, reading  # noqa: PLC0415
    from db.model_versions import model_versions  # noqa: PLC0415

    engine = open_database(database, create=False)
    try:
        with reading(engine) as session:
            records = version_records(model_versions(session))
    finally:
        engine.dispose()
    if json_lines:
        for record in records:
            print_json(record)
        return
    if not records:
        typer.echo("no version has been learned; `cairn learn --base FILE` makes one")
        return
    columns = ("version", "status", "parent", "made", "run", "RMSD, Å: before", "after", "base before", "after ")
    print_table(
        "versions of the generator, mean strict RMSD on held-out reactions",
        columns,
        [
            (
                record["generator_sha256"][:12],
                record["status"],
                None if record["parent_sha256"] is None else record["parent_sha256"][:12],
                None if record["created_at"] is None else record["created_at"][:16],
                record["run"],
                *(
                    _short(record[f"{origin}_rmsd_mean_{when}_angstrom"])
                    for origin in ORIGINS
                    for when in ("before", "after")
                ),
            )
            for record in records
        ],
        right=columns[5:],
    )


def _go_back(database: str, *, json_lines: bool) -> None:
    from tasks.learned_weights import roll_back  # noqa: PLC0415

    retired, active = roll_back(database)
    if json_lines:
        print_json({"status": "rolled_back", "retired_sha256": retired, "active_sha256": active})
        return
    typer.echo(f"version {active[:12]} is in use again, {retired[:12]} is retired")


def _print_figures(figures: Mapping[str, Any], level: str) -> None:
    rows = []
    for origin, words in ORIGINS.items():
        for name, told, unit in (
            ("rmsd_mean", "strict RMSD, mean", "angstrom"),
            ("rmsd_median", "strict RMSD, median", "angstrom"),
            ("barrier_error_left", f"barrier error left at {level}, 14 % searched", "kcal_mol"),
            ("captured_share", "captured share at 14 %", ""),
        ):
            ends = [f"_{when}_{unit}".rstrip("_") for when in ("before", "after")]
            shown = {"angstrom": "Å", "kcal_mol": "kcal/mol"}.get(unit, "")
            cells = [_short(figures.get(f"{origin}_{name}{end}")) for end in ends]
            rows.append((words, figures.get(f"{origin}_reactions"), told, *cells, shown))
    print_table(
        "before and after", ("reactions", "n", "", "before", "after", "unit"), rows, right=("n", "before", "after")
    )


def _short(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"
