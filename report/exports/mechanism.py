"""Mechanisms of a network, for Cantera and for what reads CHEMKIN files; only what passed every check is in them."""

from __future__ import annotations

import tempfile
from pathlib import Path

from sqlalchemy import select

from chem.errors import InputError
from chem.microkinetics import cantera_solution
from db.engine import reading
from db.part import Part
from db.tables import LevelRow
from report.exports.formats import ExportOptions
from report.mechanism import network_mechanism, proved_network

DIGITS = 15


def write(part: Part, path: Path, options: ExportOptions) -> None:  # noqa: ARG001 - the interface of all formats
    """Write the mechanism of a part of a network, as Cantera's YAML or, by the ending of the file, for CHEMKIN.

    Raises:
        InputError: The part holds several levels of theory, or no reaction of it has a rate.
        ConfigurationError: Cantera is not installed.
    """
    with reading(part.engine) as session:
        levels = sorted(set(session.scalars(select(LevelRow.key))))
        if len(levels) > 1:
            raise InputError(f"a mechanism is of one level of theory; choose with --level from {', '.join(levels)}")
        mechanism = network_mechanism(session, proved_network(session, level_key=levels[0]))
    solution = cantera_solution(mechanism)
    about = (
        f"{len(mechanism.reactions)} reactions at {mechanism.level_key}, whose transition states passed every check;"
        f" {len(mechanism.left_out)} more have no rate and are left out"
    )
    solution.update_user_header({"description": about})
    if path.suffix in {".yaml", ".yml"}:
        solution.write_yaml(path, precision=DIGITS, skip_user_defined=False)
        return
    from cantera import yaml2ck  # noqa: PLC0415 (a second)

    with tempfile.TemporaryDirectory() as folder:
        between = Path(folder) / "mechanism.yaml"
        solution.write_yaml(between, precision=DIGITS, skip_user_defined=False)
        yaml2ck.convert(between, mechanism_path=path, overwrite=True)
