"""Options that several questions share, and how they are read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from chem.outcomes import Status


def finite(value: float | None) -> float | None:
    """Refuse `nan` and `inf`, which every range lets pass."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


Level = Annotated[
    str | None,
    typer.Option("--level", help="Only what is known at this level of theory: its key, or its name such as gfn2."),
]
Verdicts = Annotated[
    list[str] | None,
    typer.Option("--verdict", help="Only barriers of these verdicts; default: all but failed ones. May be repeated."),
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="At most so many, the first in order.")]
MaxHeight = Annotated[
    float | None,
    typer.Option(
        "--max-height",
        metavar="KCAL",
        callback=finite,
        help="Highest transition state of a whole way, above the species at hand, kcal/mol.",
    ),
]
SpeciesName = Annotated[str, typer.Argument(metavar="SPECIES", help="A species: its key, or a SMILES in any form.")]
SpeciesNames = Annotated[
    list[str], typer.Argument(metavar="SPECIES...", help="Species at hand: keys, or SMILES in any form.")
]
CoReactants = Annotated[
    list[str] | None,
    typer.Option("--with", metavar="SPECIES", help="A co-reactant that is there as well. May be repeated."),
]


@contextmanager
def asking(database: str) -> Iterator[Session]:
    """A session to read a database with, which must be there."""
    from db.engine import open_database, reading  # noqa: PLC0415

    engine = open_database(database, create=False)
    try:
        with reading(engine) as session:
            yield session
    finally:
        engine.dispose()


def statuses(given: Iterable[str] | None) -> frozenset[Status] | None:
    """Verdicts by their names; None where none was named.

    Raises:
        ConfigurationError: One is unknown.
    """
    from chem.outcomes import Status  # noqa: PLC0415

    known(given, [each.value for each in Status], "verdict")
    return frozenset(Status(each) for each in given) if given else None


def known(given: Iterable[str] | None, values: Iterable[str], name: str) -> None:
    """Refuse words that are not among those known.

    Raises:
        ConfigurationError: One is not.
    """
    from chem.errors import ConfigurationError  # noqa: PLC0415

    words = sorted(set(values))
    if wrong := sorted(set(given or ()) - set(words)):
        raise ConfigurationError(f"unknown {name} {', '.join(wrong)}; known are {', '.join(words)}")


def level_key(session: Session, name: str | None) -> str | None:
    """Key of the level of theory that was asked for, where one was."""
    from db.level_names import level_key_of  # noqa: PLC0415

    return None if name is None else level_key_of(session, name)


def written(reactants: Sequence[str], products: Sequence[str]) -> str:
    """A reaction for people."""
    return f"{' + '.join(reactants)} -> {' + '.join(products)}"
