"""Species as people name them: by key or by SMILES."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, select
from sqlalchemy.orm import Session

from chem.errors import InputError, SmilesError
from chem.growth import likeness_to
from chem.identity import split_species
from chem.smiles import is_readable, parse_smiles
from chem.types import Species
from db.tables import SpeciesRow

LOOKED_AT = 2000  # species that a refusal compares with
NAMED = 5  # of them that it names


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSpecies:
    """A stored species.

    Attributes:
        id: Row id.
        key: Identity.
        smiles: Label.
        formula: Molecular formula.
        charge: Total charge.
        multiplicity: Spin multiplicity 2S+1.
    """

    id: int
    key: str
    smiles: str
    formula: str
    charge: int
    multiplicity: int


def named_species(session: Session, names: Sequence[str]) -> list[NamedSpecies]:
    """Stored species by their names, in the order of the names.

    A name is a key, or a SMILES of one molecule in whatever form. The label of a single stored species names it. Any
    other SMILES means the lowest multiplicity that its electrons allow; where that is not stored, the single species
    whose label its canonical form is.

    Raises:
        SmilesError: A name is neither a stored key nor a SMILES.
        InputError: No such species is stored, or several share the label. Those that come near are named.
    """
    given = {name: name.strip() for name in names}
    stored = {row.key: row for row in _rows(session, SpeciesRow.key.in_(sorted(set(given.values()))))}
    read = {name: _read(text) for name, text in given.items() if text not in stored}
    by_key = {row.key: row for row in _rows(session, SpeciesRow.key.in_(sorted({one.key for one in read.values()})))}
    labels: dict[str, list[NamedSpecies]] = defaultdict(list)
    looked_for = {*(given[name] for name in read), *(one.smiles for one in read.values())}
    for row in _rows(session, SpeciesRow.smiles.in_(sorted(looked_for))):
        labels[row.smiles].append(row)
    found = []
    for name, text in given.items():
        known = stored.get(text)
        if known is None:
            one = read[name]
            known = _single(labels[text]) or by_key.get(one.key) or _single(labels[one.smiles])
            if known is None:
                raise InputError(_refusal(session, text, one, labels[one.smiles]))
        found.append(known)
    by_name = dict(zip(given, found, strict=True))
    return [by_name[name] for name in names]


def _single(rows: Sequence[NamedSpecies]) -> NamedSpecies | None:
    return rows[0] if len(rows) == 1 else None


def _read(text: str) -> Species:
    try:
        molecules = split_species(parse_smiles(text))
    except InputError as error:
        raise SmilesError(
            f"{text!r} is neither the key of a species in this database nor a SMILES: {error};"
            " `cairn query species` lists keys and SMILES"
        ) from error
    if len(molecules) != 1:
        raise InputError(f"{text!r} names {len(molecules)} molecules; give each as a species of its own")
    return molecules[0]


def _rows(session: Session, condition: ColumnElement[bool]) -> list[NamedSpecies]:
    columns = (
        SpeciesRow.id,
        SpeciesRow.key,
        SpeciesRow.smiles,
        SpeciesRow.formula,
        SpeciesRow.charge,
        SpeciesRow.multiplicity,
    )
    statement = select(*columns).where(condition).order_by(SpeciesRow.id)
    return [NamedSpecies(**row._mapping) for row in session.execute(statement)]


def _refusal(session: Session, name: str, wanted: Species, labelled: Sequence[NamedSpecies]) -> str:
    if labelled:
        keys = ", ".join(f"{each.key} (multiplicity {each.multiplicity})" for each in labelled)
        return f"several species of this database are labelled {wanted.smiles}: {keys}; name one by its key"
    called = f"{name!r}" if wanted.smiles == name else f"{name!r} (canonical SMILES {wanted.smiles})"
    constitution = wanted.key.split("-")[1]
    same_bonds = SpeciesRow.key.startswith(f"{wanted.formula}-{constitution}", autoescape=True)
    nearness = case((same_bonds, 0), (SpeciesRow.formula == wanted.formula, 1), else_=2)
    columns = select(SpeciesRow.key, SpeciesRow.smiles, nearness.label("nearness"))
    rows = session.execute(columns.order_by(nearness, SpeciesRow.id).limit(LOOKED_AT)).all()
    if not rows:
        return f"species {called} is not in this database, which holds none"
    readable = [row.smiles for row in rows if is_readable(row.smiles)]
    likeness = likeness_to(wanted.smiles, readable) if is_readable(wanted.smiles) else {}
    nearest = sorted(rows, key=lambda row: (row.nearness, -likeness.get(row.smiles, 0.0), row.key))[:NAMED]
    parts = []
    if same := [f"{row.smiles} ({row.key})" for row in nearest if row.nearness == 0]:
        parts.append(f"of the same bonds, with another charge, multiplicity or handedness, are {', '.join(same)}")
    if near := [row.smiles for row in nearest if row.nearness]:
        parts.append(f"near are {', '.join(near)}")
    return f"species {called} is not in this database; {'; '.join(parts)}; `cairn query species` lists all"
