"""`cairn kinetics`: what a proved network does with time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output import check_output, print_json, print_table
from cli.query import DEFAULT_DATABASE
from cli.queue_status import queue_status

if TYPE_CHECKING:
    from chem.mechanism import Mechanism
    from chem.microkinetics import Band, Influence, MicrokineticModel, TimeProfile
    from chem.types import LevelOfTheory
    from tasks.work_queue import WorkQueue

SHOWN = 10  # lines of each table


def kinetics_command(
    start: Annotated[
        list[str], typer.Argument(metavar="SMILES[=AMOUNT]...", help="What is there at the start, in mole fractions.")
    ],
    temperature: Annotated[float, typer.Option(metavar="K", help="Temperature, K; 300 to 1500.")] = 500.0,
    pressure: Annotated[float, typer.Option(metavar="BAR", help="Pressure, bar.")] = 1.0,
    time: Annotated[float, typer.Option(metavar="S", help="How long, s.")] = 3600.0,
    target: Annotated[
        str | None,
        typer.Option(metavar="SMILES", help="Species whose amount is asked about; default: the main product."),
    ] = None,
    samples: Annotated[
        int, typer.Option(min=0, help="Runs with heights drawn from their error bars, for the bands; 0: no bands.")
    ] = 100,
    level: Annotated[str, typer.Option(help="Level of theory, as `cairn levels` lists them.")] = "gfn2",
    campaign: Annotated[str | None, typer.Option(help="Only what this campaign reached.")] = None,
    embeddings: Annotated[int, typer.Option(min=1, help="Structures relaxed for the minimum of each species.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Seed of embeddings and draws.")] = 2026,
    workers: Annotated[int, typer.Option(min=0, help="Worker processes; 0: as many as the cores allow.")] = 0,
    levels: Annotated[Path | None, typer.Option(help="YAML file with further levels of theory.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Figure to write: .png, .svg or .pdf.")] = None,
    database: Annotated[
        str, typer.Option("--db", envvar="CAIRN_DATABASE", help="Database URL, sqlite:///FILE or postgresql://...")
    ] = DEFAULT_DATABASE,
    json_only: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Let species react by the proved reactions of a network, at one temperature and pressure, as a gas (Cantera).

    Rates are those of transition-state theory from the stored transition states to species apart, each in its lowest
    known minimum; minima that are missing are computed first and stored. Only reactions that passed every check count.
    The bands say what the error bars of the heights leave open, and the influences which height to verify next.

    Examples:

        cairn kinetics O=CCCOO --temperature 500

        cairn kinetics O=CCCOO=0.1 O=0.9 --temperature 800 --time 10 --target C=CC=O --plot profile.png --json
    """
    from chem.levels import read_levels, resolve_level  # noqa: PLC0415
    from chem.microkinetics import MicrokineticModel, ReactorConditions  # noqa: PLC0415
    from db.engine import open_database, reading, without_password  # noqa: PLC0415
    from report.mechanism import network_mechanism, proved_network, species_without_minimum  # noqa: PLC0415
    from tasks.minima_queue import minima_queue  # noqa: PLC0415
    from tasks.workers import WorkerLimits  # noqa: PLC0415

    check_output(plot, "--plot")
    conditions = ReactorConditions(temperature_k=temperature, pressure_bar=pressure, time_s=time)
    amounts = _amounts(start)
    theory = resolve_level(level, entries=read_levels(levels))
    engine = open_database(database, create=False)
    try:
        with reading(engine) as session:
            network = proved_network(session, level_key=theory.key, campaign=campaign)
            missing = species_without_minimum(session, network)
        if missing:
            limits = WorkerLimits(n_workers=workers)
            _find_minima(
                minima_queue(
                    without_password(database), theory, missing, n_embeddings=embeddings, seed=seed, workers=limits
                )
            )
        with reading(engine) as session:
            mechanism = network_mechanism(session, network)
    finally:
        engine.dispose()
    model = MicrokineticModel(mechanism, _by_key(amounts, mechanism), conditions)
    profile = model.run()
    asked = _main_product(profile, amounts) if target is None else _key(target, mechanism)
    influences = model.influences(asked)
    shown = _most(profile)
    bands = model.bands(list(dict.fromkeys([*shown, asked])), n_samples=samples, seed=seed) if samples else {}
    if plot is not None:
        from report.kinetics_plot import plot_profile  # noqa: PLC0415

        labels = {key: each.species.smiles for key, each in mechanism.species.items()}
        title = f"{temperature:g} K, {pressure:g} bar, {theory.key}"
        plot_profile(plot, profile, bands, labels, title)
    record = kinetics_record(model, theory, profile, influences, bands, asked)
    if json_only:
        print_json(record)
        return
    _print(record)
    if plot is not None:
        typer.echo(f"profile drawn in {plot}")


def _amounts(start: Sequence[str]) -> dict[str, float]:
    """Amounts by key of the species.

    Raises:
        ConfigurationError: An amount is no positive number, or a species is given twice.
        SmilesError: A SMILES does not parse.
    """
    from chem.errors import ConfigurationError  # noqa: PLC0415

    amounts: dict[str, float] = {}
    for given in start:
        smiles, _, amount = given.rpartition("=") if _ends_in_number(given) else (given, "", "1")
        key = _species_key(smiles)
        if key in amounts:
            raise ConfigurationError(f"{smiles} is given twice; add its amounts up")
        amounts[key] = float(amount)
    return amounts


def _ends_in_number(given: str) -> bool:
    """Whether an amount follows the SMILES, in which = is also a double bond."""
    _, sign, last = given.rpartition("=")
    try:
        return bool(sign) and float(last) > 0.0
    except ValueError:
        return False


def _species_key(smiles: str) -> str:
    from chem.errors import SmilesError  # noqa: PLC0415
    from chem.identity import split_species  # noqa: PLC0415
    from chem.smiles import parse_smiles  # noqa: PLC0415

    parts = split_species(parse_smiles(smiles))
    if len(parts) != 1:
        raise SmilesError(f"{smiles!r} holds {len(parts)} molecules; give each as one of its own")
    return parts[0].key


def _key(smiles: str, mechanism: Mechanism) -> str:
    """Key of a species of the mechanism."""
    key = _species_key(smiles)
    _check_takes_part([key], [smiles], mechanism)
    return key


def _by_key(amounts: dict[str, float], mechanism: Mechanism) -> dict[str, float]:
    """Amounts, each of a species of the mechanism."""
    strange = sorted(amounts.keys() - mechanism.species.keys())
    _check_takes_part(strange, strange, mechanism)
    return amounts


def _check_takes_part(keys: Sequence[str], names: Sequence[str], mechanism: Mechanism) -> None:
    """Refuse species that no reaction of the mechanism has, by the names that they were given."""
    from chem.errors import ConfigurationError  # noqa: PLC0415

    if set(keys) <= mechanism.species.keys():
        return
    known = ", ".join(sorted(each.species.smiles for each in mechanism.species.values())[:SHOWN])
    raise ConfigurationError(
        f"{', '.join(names)} takes part in no reaction with a rate at {mechanism.level_key}; of its"
        f" {len(mechanism.species)} species the first are {known}"
    )


def _main_product(profile: TimeProfile, amounts: dict[str, float]) -> str:
    made = {key: values[-1] for key, values in profile.mole_fractions.items() if key not in amounts}
    return max(made, key=lambda key: made[key]) if made else next(iter(amounts))


def _most(profile: TimeProfile) -> list[str]:
    """The species that there was most of at any time."""
    return sorted(profile.mole_fractions, key=lambda key: -profile.mole_fractions[key].max())[:SHOWN]


def _find_minima(queue: WorkQueue) -> None:
    from cli.flow_run import get_ready  # noqa: PLC0415

    get_ready()
    name = f"minima at {queue.level.key}"
    with queue_status(
        queue, name, lambda now: f"{name}: {now.ended} of {now.total} done, {now.gradient_calls:,} gradient calls"
    ):
        from flows.minima import minima  # noqa: PLC0415  (two seconds of Prefect)
        from tasks.calculations import close_shared_pool  # noqa: PLC0415

        try:
            minima(queue)
        finally:
            close_shared_pool()


def kinetics_record(
    model: MicrokineticModel,
    level: LevelOfTheory,
    profile: TimeProfile,
    influences: Sequence[Influence],
    bands: dict[str, Band],
    target: str,
) -> dict[str, Any]:
    """The JSON of `cairn kinetics`, units in the names."""
    from cli.output import plain_level  # noqa: PLC0415

    mechanism, conditions = model.mechanism, model.conditions
    at_equilibrium = model.equilibrium()
    smiles = {key: each.species.smiles for key, each in mechanism.species.items()}
    return {
        "level": plain_level(level),
        "temperature_k": conditions.temperature_k,
        "pressure_bar": conditions.pressure_bar,
        "time_s": conditions.time_s,
        "n_species": len(mechanism.species),
        "n_reactions": len(mechanism.reactions),
        "n_samples": next((band.n_samples for band in bands.values()), 0),
        "left_out": [{"reaction_key": key, "reason": why} for key, why in mechanism.left_out.items()],
        "species": [
            {
                "key": key,
                "smiles": smiles[key],
                "mole_fraction": float(values[-1]),
                "mole_fraction_low_95": float(bands[key].quantiles[0, -1]) if key in bands else None,
                "mole_fraction_high_95": float(bands[key].quantiles[2, -1]) if key in bands else None,
                "mole_fraction_at_equilibrium": at_equilibrium[key],
            }
            for key, values in sorted(profile.mole_fractions.items(), key=lambda item: -item[1][-1])
        ],
        "reactions": [
            {
                "key": key,
                "reactants": [smiles[each] for each in reaction.proved.reactants],
                "products": [smiles[each] for each in reaction.proved.products],
                "net_turns": profile.net_turns[key],
                "rate_constant": (rate := mechanism.rate_constant(key, conditions.temperature_k)).value,
                "rate_unit": rate.unit,
                "rate_factor_95": rate.factor,
                "verdict": reaction.proved.verdict.value,
                "level": mechanism.level_key,
            }
            for key, reaction in sorted(mechanism.reactions.items(), key=lambda item: -abs(profile.net_turns[item[0]]))
        ],
        "target": smiles[target],
        "influences": [
            {"reaction_key": each.reaction_key, "sensitivity": each.sensitivity, "factor_95": each.factor_95}
            for each in influences
        ],
        "times_s": profile.times_s.tolist(),
        "mole_fractions": {smiles[key]: profile.mole_fractions[key].tolist() for key in _most(profile)},
    }


def _print(record: dict[str, Any]) -> None:
    def share(value: float | None) -> str | None:
        return None if value is None else f"{value:.2e}"

    title = (
        f"after {record['time_s']:g} s at {record['temperature_k']:g} K and {record['pressure_bar']:g} bar:"
        f" {record['n_species']} species, {record['n_reactions']} proved reactions at {record['level']['key']}"
    )
    columns = ("species", "mole fraction", "95 % of runs, from", "to", "at equilibrium")
    rows = [
        (
            each["smiles"],
            share(each["mole_fraction"]),
            share(each["mole_fraction_low_95"]),
            share(each["mole_fraction_high_95"]),
            share(each["mole_fraction_at_equilibrium"]),
        )
        for each in record["species"][:SHOWN]
    ]
    print_table(title, columns, rows, right=columns[1:])
    by_key = {each["key"]: each for each in record["reactions"]}
    turning = ("reaction", "turns", "k", "unit", "uncertain by a factor of", "key")
    turned = [
        (
            f"{' + '.join(each['reactants'])} -> {' + '.join(each['products'])}",
            share(each["net_turns"]),
            share(each["rate_constant"]),
            each["rate_unit"],
            share(each["rate_factor_95"]),
            each["key"],
        )
        for each in record["reactions"][:SHOWN]
    ]
    print_table("reactions that turned most, per molecule at the start", turning, turned, right=turning[1:3])
    deciding = ("reaction", "d ln x / d ln k", "its error bar: a factor of", "verdict")
    decided = [
        (
            each["reaction_key"],
            f"{each['sensitivity']:.3f}",
            share(each["factor_95"]),
            by_key[each["reaction_key"]]["verdict"],
        )
        for each in record["influences"][:SHOWN]
    ]
    heading = f"what decides on {record['target']}; verify the first at a better level"
    print_table(heading, deciding, decided, right=deciding[1:3])
    if record["left_out"]:
        typer.echo(f"{len(record['left_out'])} proved reactions have no rate; --json says why of each")
