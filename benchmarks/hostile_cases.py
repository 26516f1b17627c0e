"""Hostile inputs as data: what is given to which command or function, and how that may end.

`benchmarks/hostile_inputs.py` runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ase.build import molecule

from benchmarks.hostile_calls import minimum, refined, searched

ERROR = frozenset({"error"})
FAILURE = frozenset({"failure"})
ANSWER = frozenset({"answer"})
BROKEN = frozenset({"broken"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One hostile input.

    Attributes:
        group: Kind of hostility.
        name: What is wrong.
        words: What stands after `cairn`; empty where a function is called.
        files: Files in the folder where the command runs, by name.
        call: Function to call instead of a command.
        ends: Endings that are right. `error`: exit 2 or an `InputError`, with a message. `failure`: a stored failure
            with stage, kind and message. `answer`: a result. `broken`: exit 1 with a message, for infrastructure.
        says: What the message must contain.
        n_modes: Number of vibrations of an answer.
        limit_s: Wall time after which it counts as hung, s.
        stdout: File that takes standard output; empty to read it here.
        kills_worker: Whether the worker of the command is killed while it runs.
        environment: Further environment variables.
    """

    group: str
    name: str
    words: tuple[str, ...] = ()
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    call: Callable[[], Mapping[str, Any]] | None = None
    ends: frozenset[str] = ERROR
    says: str = ""
    n_modes: int | None = None
    limit_s: float = 90.0
    stdout: str = ""
    kills_worker: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


def xyz(atoms: str) -> str:
    """An XYZ file from atoms divided by slashes, or from the name of a molecule that ASE knows."""
    if " " not in atoms:
        known = molecule(atoms)
        atoms = "/".join(
            f"{symbol} {x:.6f} {y:.6f} {z:.6f}"
            for symbol, (x, y, z) in zip(known.symbols, known.positions, strict=True)
        )
    lines = atoms.split("/")
    return "\n".join([str(len(lines)), "", *lines, ""])


def one(group: str, name: str, command: str, atoms: str, options: str = "", **more: Any) -> Case:
    """A command on one structure."""
    words = (command, "a.xyz", *options.split(), "--json")
    return Case(group=group, name=f"{command}: {name}", words=words, files={"a.xyz": xyz(atoms)}, **more)


def two(group: str, name: str, command: str, atoms: tuple[str, str], options: str = "", **more: Any) -> Case:
    """A command on a reactant and a product."""
    files = {"r.xyz": xyz(atoms[0]), "p.xyz": xyz(atoms[1])}
    words = (command, "r.xyz", "p.xyz", *options.split(), "--json")
    return Case(group=group, name=f"{command}: {name}", words=words, files=files, **more)


def command(group: str, name: str, words: str, says: str, **more: Any) -> Case:
    """A command without structures."""
    return Case(
        group=group, name=f"{words.partition(' ')[0]}: {name}", words=tuple(words.split(" ")), says=says, **more
    )


def call(group: str, name: str, function: Callable[..., Mapping[str, Any]], *given: Any, **more: Any) -> Case:
    """A function called in a worker process; arguments for it come as a dictionary at the end."""
    options = given[-1] if given and isinstance(given[-1], dict) else {}
    rest = given[:-1] if options else given
    return Case(group=group, name=f"{function.__name__}: {name}", call=partial(function, *rest, **options), **more)


WATER = "O 0 0 0.119/H 0 0.763 -0.477/H 0 -0.763 -0.477"
HCN = "C 0 0 0/N 0 0 1.15/H 0 0 -1.07"
HNC = "C 0 0 0/N 0 0 1.17/H 0 0 2.17"
GUESS = "C 0 0 0/N 0 0 1.15/H 1.5 0 1.1"
PLATEAU = "C 0 0 0/N 0 0 1.15/H 0 0 100"
CROWDED = "O 0 0 0/H 0 0 0.05/H 0 0.9 0"
TWICE = "O 0 0 0/H 0 0 0.96/H 0 0 0.96"
WATERS = "O 0 0 0/H 0 0.76 0.59/H 0 -0.76 0.59/O 0 0 5/H 0 0.76 5.59/H 0 -0.76 5.59"
IODINE = "I 0 0 0/H 0 0 1.6"


SPIN = [
    one("spin", "even multiplicity of water", "saddle", WATER, "--multiplicity 2", says="multiplicity 2"),
    one("spin", "multiplicity 0", "saddle", WATER, "--multiplicity 0", says="--multiplicity"),
    one("spin", "multiplicity -3", "thermo", WATER, "--multiplicity -3", says="--multiplicity"),
    one("spin", "singlet hydrogen atom", "thermo", "H 0 0 0", says="multiplicity 1"),
    one("spin", "quintet of two electrons", "thermo", "H2", "--multiplicity 5", says="at most 3"),
    one("spin", "quintet water", "thermo", WATER, "--multiplicity 5 --level hf/sto-3g", ends=FAILURE | ANSWER),
    one("spin", "more spins than orbitals", "thermo", WATER, "--multiplicity 9 --level hf/sto-3g", says="orbitals"),
    one("spin", "triplet oxygen", "thermo", "O2", "--multiplicity 3", ends=ANSWER, n_modes=1),
    two("spin", "doublet of hydrogen cyanide", "ts", (HCN, HNC), "--multiplicity 2", says="multiplicity 2"),
    two("spin", "quartet", "generate", (HCN, HNC), "--multiplicity 4", says="multiplicity 4"),
    command("spin", "doublet of acetaldehyde", "enumerate CC=O --multiplicity 2", "multiplicity 2"),
    call("spin", "nonet helium", refined, "He 0 0 0", {"multiplicity": 9}, says="at most 3"),
    call("spin", "quintet water at GFN2", minimum, WATER, {"multiplicity": 5}, ends=FAILURE | ANSWER),
    call("spin", "multiplicity -1", minimum, WATER, {"multiplicity": -1}, says="multiplicity -1"),
    call("spin", "multiplicity 1.5", minimum, WATER, {"multiplicity": 1.5}, says="multiplicity 1.5"),
]
CHARGES = [
    one("charges", "charge 50", "thermo", WATER, "--charge 50", says="charge 50"),
    one("charges", "charge of a googol", "saddle", WATER, f"--charge {10**100}", says="charge 1000"),
    one("charges", "charge -20 in a minimal basis", "thermo", WATER, "--charge -20 --level hf/sto-3g", says="orbitals"),
    call("charges", "charge -20 at GFN2", minimum, WATER, {"charge": -20}, ends=FAILURE | ANSWER),
    call("charges", "charge 10, no electron left", minimum, WATER, {"charge": 10}, ends=ERROR | FAILURE | ANSWER),
    call("charges", "a bare proton at GFN2", minimum, "H 0 0 0", {"charge": 1}, ends=ANSWER),
    one("charges", "a bare proton", "thermo", "H 0 0 0", "--charge 1 --level hf/sto-3g", says="orbitals"),
    call("charges", "hydroxide", minimum, "O 0 0 0/H 0 0 1", {"charge": -1}, ends=ANSWER, n_modes=1),
    call(
        "charges",
        "ammonium",
        minimum,
        "N 0 0 0/H .6 .6 .6/H -.6 -.6 .6/H -.6 .6 -.6/H .6 -.6 -.6",
        {"charge": 1},
        ends=ANSWER,
        n_modes=9,
    ),
    call(
        "charges", "trihydrogen cation", minimum, "H 0 0 0/H 0.9 0 0/H 0.4 0.8 0", {"charge": 1}, ends=ANSWER, n_modes=3
    ),
    call("charges", "exploding helium dimer", minimum, "He 0 0 0/He 0 0 .7", {"charge": 2}, ends=FAILURE | ANSWER),
    two("charges", "cation of hydrogen cyanide", "ts", (HCN, HNC), "--charge 1", says="charge 1"),
]
PLACES = [
    one("places", "an atom twice", "saddle", TWICE, says="Angstrom"),
    one("places", "an atom twice", "thermo", TWICE, says="Angstrom"),
    one("places", "0.05 Angstrom apart", "thermo", CROWDED, "--level hf/sto-3g", says="Angstrom"),
    two("places", "an atom twice in the product", "ts", (HCN, "C 0 0 0/N 0 0 1/H 0 0 1"), says="Angstrom"),
    two("places", "an atom twice", "generate", (HCN, "C 0 0 0/N 0 0 1/H 0 0 1"), says="Angstrom"),
    call("places", "all atoms in one point", refined, "O 0 0 0/H 0 0 0/H 0 0 0", ends=FAILURE, says="Angstrom"),
    call("places", "all atoms in one point", minimum, "O 0 0 0/H 0 0 0/H 0 0 0", ends=FAILURE, says="Angstrom"),
    call("places", "0.05 Angstrom apart", refined, CROWDED, {"level": "hf/sto-3g"}, ends=FAILURE, says="Angstrom"),
    call("places", "0.05 Angstrom apart", searched, HCN, "C 0 0 0/N 0 0 .05/H 0 0 1", says="Angstrom"),
    call("places", "0.4 Angstrom apart", minimum, "O 0 0 0/H 0 0 0.4/H 0 0.9 0", ends=FAILURE | ANSWER),
    one("places", "an atom 100 Angstrom away", "saddle", PLATEAU, "--budget 100", ends=FAILURE),
    one("places", "an atom 100 Angstrom away", "thermo", PLATEAU, says="several molecules"),
    one("places", "two waters", "thermo", WATERS, says="several molecules"),
    call("places", "two waters", refined, WATERS, {"budget": 150}, ends=FAILURE | ANSWER),
    call("places", "atoms 100 Angstrom apart", minimum, PLATEAU, {"budget": 100}, ends=FAILURE | ANSWER),
    call("places", "a fragment far away", searched, PLATEAU, HNC, {"budget": 150}, ends=FAILURE | ANSWER),
    call("places", "a megametre away", minimum, "H 0 0 0/H 0 0 1e16", ends=FAILURE, says="Angstrom"),
    call("places", "1e300", minimum, "H 0 0 0/H 0 0 1e300", ends=FAILURE, says="Angstrom"),
    one("places", "a megametre away", "saddle", "H 0 0 0/H 0 0 1e16", says="Angstrom"),
]
SMALL = [
    one("small", "helium", "thermo", "He 0 0 0", ends=ANSWER, n_modes=0),
    one("small", "helium has no saddle point", "saddle", "He 0 0 0", says="single atom"),
    one(
        "small",
        "doublet hydrogen atom",
        "thermo",
        "H 0 0 0",
        "--multiplicity 2 --level hf/sto-3g",
        ends=ANSWER,
        n_modes=0,
    ),
    one("small", "saddle of an atom", "thermo", "Ar 0 0 0", "--saddle", says="single atom"),
    call("small", "xenon", minimum, "Xe 0 0 0", ends=ANSWER, n_modes=0),
    call("small", "argon", refined, "Ar 1 2 3", {"level": "hf/sto-3g"}, says="single atom"),
    call("small", "argon dimer", minimum, "Ar 0 0 0/Ar 0 0 3.7", ends=ANSWER, n_modes=1),
    two("small", "helium to helium", "ts", ("He 0 0 0", "He 0 0 0"), ends=FAILURE, says="same bonds"),
    two("small", "helium", "generate", ("He 0 0 0", "He 0 0 0"), says="He"),
    one("small", "hydrogen molecule", "thermo", "H2", "--level hf/sto-3g", ends=ANSWER, n_modes=1),
    one("small", "hydrogen molecule has no saddle point", "saddle", "H2", "--budget 60", ends=FAILURE),
    two("small", "hydrogen dissociates", "ts", ("H 0 0 0/H 0 0 .74", "H 0 0 0/H 0 0 4"), "--budget 100", ends=FAILURE),
    one("small", "carbon dioxide", "thermo", "CO2", ends=ANSWER, n_modes=4),
    one("small", "bent carbon dioxide", "thermo", "C 0 0 0/O 0 .3 1.2/O 0 .3 -1.2", ends=ANSWER, n_modes=4),
    call("small", "hydrogen cyanide", minimum, HCN, {"level": "hf/sto-3g"}, ends=ANSWER, n_modes=4),
    call("small", "acetylene", minimum, "C2H2", ends=ANSWER, n_modes=7),
    call("small", "carbon dioxide is no saddle point", refined, "CO2", {"budget": 100}, ends=FAILURE | ANSWER),
]
IONS = [
    one(
        "charges",
        "hydrogen molecule cation",
        "thermo",
        "H2",
        "--charge 1 --multiplicity 2 --level hf/sto-3g",
        ends=ANSWER,
        n_modes=1,
    ),
]
CHEMICAL_CASES = (*SPIN, *CHARGES, *IONS, *PLACES, *SMALL)
