"""What an archive says of itself: to people, to citation managers, to Zenodo."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from report.exports.licence import Licence

NOBODY = "anonymous"  # as the Citation File Format has it where no author is given
PLACES = {
    "network.db": "all of it as an SQLite database of Cairn, to the last bit, with the searches that found it",
    "tables/species.csv": "molecules, with the energy at which each was seen alone at an end of a path, eV",
    "tables/reactions.csv": "elementary reactions with the barrier that counts, kcal/mol, its level and verdict",
    "tables/transition_states.csv": "every transition state: energies in eV, barriers in kcal/mol, frequencies in cm-1",
    "tables/checks.csv": "every check of every transition state with its evidence as JSON",
    "transition_states.extxyz": "saddle points and ends of their reaction paths, Angstrom; energies in eV",
    "network.graphml": "the directed graph of species and reactions",
    "levels.json": "levels of theory",
    "versions.json": "versions of Cairn, of the database schema, and of every program behind the numbers",
    "metadata.json": "metadata as a Zenodo deposition takes them",
    "CITATION.cff": "how to cite this data set",
    "LICENSE": "the licence of the data",
    "SHA256SUMS": "checksums of all other files",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What an archive holds.

    Attributes:
        title: Of the data set.
        authors: Names as in `Family, Given`; empty where nobody was named.
        licence: Of the data.
        levels: As in levels.json.
        versions: As in versions.json.
        n_species: Number of species.
        n_reactions: Number of reactions.
        transition_states: Number of transition states of each verdict.
    """

    title: str
    authors: tuple[str, ...]
    licence: Licence
    levels: Sequence[Mapping[str, Any]]
    versions: Mapping[str, Any]
    n_species: int
    n_reactions: int
    transition_states: Mapping[str, int]


def readme(contents: Contents) -> str:
    """README.md of the archive."""
    programs = ", ".join(_code(f"{each['program']} {each['version']}") for each in contents.versions["programs"])
    levels = "\n".join(
        f"| {_code(level['key'])} | {_code(' '.join((level['program'], level['version'])))} |"
        f" {_counts(level['transition_states'])} |"
        for level in contents.levels
    )
    places = "\n".join(f"| `{name}` | {what} |" for name, what in PLACES.items())
    return f"""# {_plain(contents.title)}

An archive of a reaction network, made with Cairn {contents.versions["cairn"]}: {_sentence(contents)}

A verdict says how far a transition state was proved. `passed`: every check that was run holds, among them one
imaginary mode and a reaction path that ends in the right molecules. `could_not_check`: a check could not be run.
`failed`: a check does not hold. `estimated`: nothing was checked. No barrier stands here without its verdict and its
level of theory.

| level of theory | program | transition states |
|---|---|---|
{levels}

Programs behind the numbers: {programs}. Schema of the database: {contents.versions["schema_version"]}.

| file | holds |
|---|---|
{places}

Barriers are electronic energies of a transition state above the two ends of its own reaction path. Reactions are
written in the direction in which they were first stored; `reactants` and `products` are SMILES joined by ` + `. Atoms
of a transition state stand in the order of the reaction that was searched for (`searched_reaction_key`).

## Reading it

```python
import pandas
reactions = pandas.read_csv("tables/reactions.csv")

from ase.io import read
states = read("transition_states.extxyz", index=":")  # energies by get_potential_energy(), the rest in .info

import networkx
graph = networkx.read_graphml("network.graphml")
```

`sha256sum --check SHA256SUMS` tells whether a file was damaged. With Cairn installed, on the archive as it was
downloaded:

```sh
cairn import ARCHIVE.zip --db sqlite:///network.db
cairn query reactions --db sqlite:///network.db
```

An import adds what a database does not have and changes nothing that it has: two networks become one, and an import
that is repeated does nothing.

## Licence

The data are under {contents.licence.name} ({contents.licence.identifier}, {contents.licence.url}).
LICENSE has its text.
"""


def citation(contents: Contents) -> dict[str, Any]:
    """CITATION.cff of the archive, Citation File Format 1.2.0."""
    return {
        "cff-version": "1.2.0",
        "message": "If you use these data, please cite them, Cairn, and the methods that README.md names.",
        "type": "dataset",
        "title": contents.title,
        "authors": [_person(name) for name in contents.authors] or [{"name": NOBODY}],
        "license": contents.licence.identifier,
        "keywords": list(_keywords(contents)),
        "references": [
            {
                "type": "software",
                "title": "Cairn: autonomous exploration of chemical reaction networks",
                "authors": [{"name": "The Cairn developers"}],
                "version": contents.versions["cairn"],
            }
        ],
    }


def zenodo_metadata(contents: Contents) -> dict[str, Any]:
    """Metadata of a deposition as the REST interface of Zenodo takes them."""
    levels = "".join(f"<li>{html.escape(level['key'])}</li>" for level in contents.levels)
    return {
        "metadata": {
            "title": contents.title,
            "upload_type": "dataset",
            "description": f"<p>{html.escape(_sentence(contents))}</p><p>Levels of theory:</p><ul>{levels}</ul>",
            "creators": [{"name": name} for name in contents.authors or (NOBODY,)],
            "access_right": "open",
            "license": contents.licence.zenodo,
            "keywords": list(_keywords(contents)),
            "notes": f"Made with Cairn {contents.versions['cairn']}.",
        }
    }


def _sentence(contents: Contents) -> str:
    return (
        f"{contents.n_reactions} elementary reactions of {contents.n_species} species with"
        f" {_counts(contents.transition_states)} transition states."
    )


def _counts(by_verdict: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in by_verdict.items())


def _keywords(contents: Contents) -> tuple[str, ...]:
    methods = dict.fromkeys(level["method"] for level in contents.levels)
    return ("reaction network", "transition states", "barrier heights", *methods)


def _person(name: str) -> dict[str, str]:
    family, comma, given = name.partition(",")
    return {"family-names": family.strip(), "given-names": given.strip()} if comma else {"name": name.strip()}


def _plain(text: str) -> str:
    """Text on one line of Markdown in which nothing means anything."""
    special = "\\`*_{}[]<>#|&"
    return "".join(f"\\{each}" if each in special else each for each in _one_line(text))


def _code(text: str) -> str:
    """Text as code in a table of Markdown; what would end it is replaced."""
    return f"`{_one_line(text).replace('`', chr(0x2019)).replace('|', chr(0xA6))}`"


def _one_line(text: str) -> str:
    """What cannot be printed as JSON would write it."""
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text).strip()
