"""Hostile inputs around the chemistry: files, levels of theory, programs, options, databases, workers, disks."""

from __future__ import annotations

from typing import Any

from benchmarks.hostile_calls import (
    failed_among_others,
    killed_among_others,
    minimum,
    refined,
    resolved,
    searched,
    stopped_by_time,
)
from benchmarks.hostile_cases import (
    ANSWER,
    BROKEN,
    ERROR,
    FAILURE,
    GUESS,
    HCN,
    HNC,
    IODINE,
    WATER,
    Case,
    call,
    command,
    one,
    two,
    xyz,
)

ENGINES = """
import os, subprocess
from ase.calculators.calculator import Calculator

NUMBER = 7

class Refuses:
    def __init__(self):
        raise FileNotFoundError("engine.exe is not on the PATH")

class Engine(Calculator):
    implemented_properties = ["energy", "forces"]

    def calculate(self, *arguments, **options):
        super().calculate(*arguments, **options)
        self.results = self.answer()

class Nan(Engine):
    def answer(self):
        return {"energy": float("nan"), "forces": self.atoms.positions * float("nan")}

class Shape(Engine):
    def answer(self):
        return {"energy": 1.0, "forces": self.atoms.positions[:1]}

class Energies(Engine):
    def answer(self):
        return {"energy": 1.0}

class Lookup(Engine):
    def answer(self):
        raise KeyError("parameters of C")

class Program(Engine):
    def answer(self):
        subprocess.run(["no-such-program-anywhere"], check=True)

class Leaves(Engine):
    def answer(self):
        os._exit(3)
"""


def file(name: str, content: str | bytes, says: str = "a.xyz") -> Case:
    """A broken XYZ file."""
    words = ("thermo", "a.xyz", "--json")
    return Case(group="files", name=f"thermo: {name}", words=words, files={"a.xyz": content}, says=says)


def listed(name: str, content: str | bytes, says: str, **more: Any) -> Case:
    """A broken file of levels, read by `cairn levels`."""
    words, files = ("levels", "--levels", "mine.yaml", "--json"), {"mine.yaml": content}
    return Case(group="level files", name=f"levels: {name}", words=words, files=files, says=says, **more)


def engine(name: str, calculator: str, says: str, **more: Any) -> Case:
    """A level of an ASE calculator in a file of the folder, given to `cairn saddle`."""
    entry = f"own: {{method: x, calculator: '{calculator}'}}\n"
    files = {"a.xyz": xyz(GUESS), "mine.yaml": entry, "engines.py": ENGINES}
    words = ("saddle", "a.xyz", "--level", "own", "--levels", "mine.yaml", "--json")
    return Case(group="programs", name=f"saddle: {name}", words=words, files=files, says=says, **more)


def explore(name: str, settings: str, says: str) -> Case:
    """A broken file of settings, given to `cairn explore`."""
    words, files = ("explore", "CC", "--config", "mine.yaml", "--db", "sqlite:///mine.db"), {"mine.yaml": settings}
    return Case(group="explore", name=f"explore: {name}", words=words, files=files, says=says)


FILES = [
    command("files", "no file", "thermo nowhere.xyz", "nowhere.xyz"),
    command("files", "a folder", "saddle .", "file ."),
    command("files", "a device", "thermo /dev/zero", "/dev/zero"),
    command("files", "a file that cannot be read", "thermo /proc/self/mem", "/proc/self/mem"),
    file("empty", ""),
    file("blank lines", "\n\n\n"),
    file("binary", bytes(range(256)) * 20),
    file("UTF-16", xyz(WATER).encode("utf-16")),
    file("truncated", xyz(WATER)[:30]),
    file("fewer atoms than it says", "5" + xyz(WATER)[1:]),
    file("a count of -3", "-" + xyz(WATER)),
    file("a count of 0", "0\n\n"),
    file("a count beyond memory", "9" * 30 + "\n\nH 0 0 0\n"),
    file("a coordinate that is not finite", "1\n\nHe 0 0 nan\n", "not finite"),
    file("an infinite coordinate", "1\n\nHe 0 0 inf\n", "not finite"),
    file("words for coordinates", "1\n\nHe zero zero zero\n"),
    file("two coordinates", "1\n\nHe 0 0\n"),
    file("an unknown element", "1\n\nQq 0 0 0\n"),
    file("a dummy atom", "2\n\nHe 0 0 0\nX 0 0 2\n", "dummy"),
    file("element 0", "1\n\n0 0 0 0\n"),
    file("element 119", "1\n\n119 0 0 0\n"),
    file("another format", "data_cell\n_cell_length_a 5.0\n"),
    file("a wrong list of properties", '1\nProperties=species:S:1:pos:R:2 pbc="T"\nHe 0 0 0\n'),
]
ENDS = [
    two("two ends", "atoms in another order", "ts", (HCN, "N 0 0 0/C 0 0 1.17/H 0 0 2.17"), says="same order"),
    two("two ends", "another element", "ts", (HCN, "C 0 0 0/P 0 0 1.5/H 0 0 -1"), says="CHP"),
    two("two ends", "fewer atoms", "ts", (HCN, "C 0 0 0/N 0 0 1.15"), says="CN"),
    two("two ends", "fewer atoms", "generate", (HCN, "C 0 0 0/N 0 0 1.15"), says="CN"),
    two("two ends", "the same structure", "ts", (HCN, HCN), ends=FAILURE, says="same bonds"),
    two("two ends", "the same bonds", "ts", (HCN, "C 0 0 0/N 0 .3 1.12/H 0 .2 -1"), ends=FAILURE, says="same bonds"),
    two("two ends", "the same structure", "generate", (HCN, HCN), "-n 2", ends=ANSWER | ERROR),
    two("two ends", "a budget of one call", "ts", (HCN, HNC), "--budget 1", ends=FAILURE, says="budget of 1 "),
    call("two ends", "no candidate and no band", searched, HCN, HNC, {"candidates": False}, says="nothing to try"),
    call("two ends", "another charge", searched, HCN, HNC, {"charge": -1}, says="charge -1"),
    command("two ends", "only one of them", "ts a.xyz", "product"),
]
ELEMENTS = [
    one("elements", "iodine in 6-31G*", "saddle", IODINE, "--level hf/6-31g*", says="no I"),
    one("elements", "iodine at a named level", "thermo", IODINE, "--level wb97x-631gs", says="no I"),
    one("elements", "uranium at GFN2", "saddle", "U 0 0 0/H 0 0 2", "--multiplicity 2", says="U"),
    two("elements", "francium at GFN2", "ts", ("Fr 0 0 0/H 0 0 2", "Fr 0 0 0/H 0 0 4"), says="no parameters for Fr"),
    one("elements", "oganesson in def2-SVP", "thermo", "Og 0 0 0", "--level hf/def2-svp", says="Og"),
    one("elements", "gold in def2-SVP", "thermo", "Au 0 0 0/H 0 0 1.5", "--level hf/def2-svp", ends=ANSWER, n_modes=1),
    two("elements", "sulphur", "generate", ("S 0 0 0/H 0 0 1.3/H 1.3 0 0", "S 0 0 0/H 0 0 3/H .7 0 3"), says="S"),
    command("elements", "sodium", "enumerate [Na]Cl", "Na"),
    call("elements", "plutonium at GFN1", minimum, "Pu 0 0 0", {"level": "gfn1"}, says="Pu"),
    call("elements", "iodine in 6-31G", refined, IODINE, {"level": "hf/6-31g"}, says="no I"),
]
LEVELS = [
    one("levels", "unknown", "saddle", GUESS, "--level gfn7", says="gfn7"),
    one("levels", "unknown functional", "thermo", WATER, "--level b4lyp/def2-svp", says="b4lyp"),
    one("levels", "functional without parameters", "thermo", WATER, "--level wb97x-d3/def2-svp", says="wb97x-d3"),
    one("levels", "unknown basis", "saddle", GUESS, "--level hf/7-41g", says="7-41g"),
    two("levels", "unknown dispersion", "ts", (HCN, HNC), "--level b3lyp-d9/def2-svp", says="b3lyp-d9"),
    call("levels", "empty name", resolved, "", says="level of theory"),
    call("levels", "only a basis", resolved, "/sto-3g", says="/sto-3g"),
    call("levels", "three parts", resolved, "hf/sto-3g/x", says="hf/sto-3g/x"),
    call("levels", "tight binding with a basis", resolved, "gfn2/sto-3g", says="gfn2"),
    call("levels", "a line break in the basis", resolved, "hf/sto-3g\nH S", says="knows no basis"),
    call("levels", "a path for a basis", resolved, "hf/../../etc/passwd", says="hf/../../etc/passwd"),
    call("levels", "no name at all", resolved, "own", "own: {method: '', basis: sto-3g}", says="method"),
    call("levels", "a program that cannot", resolved, "own", "own: {method: gfn2, program: orca}", says="orca"),
    call("levels", "a correlated method", resolved, "ccsd(t)/def2-svp", says="ccsd(t)"),
]
LEVEL_FILES = [
    command("level files", "no file", "levels --levels nowhere.yaml", "nowhere.yaml"),
    command("level files", "a folder", "levels --levels /", "/"),
    listed("binary", b"\x00\xff\xfe" * 99, "mine.yaml"),
    listed("Latin-1", "größe: {}".encode("latin-1"), "mine.yaml"),
    listed("a tab", "own:\n\tmethod: hf\n", "mine.yaml"),
    listed("a list", "- hf\n- gfn2\n", "names of levels"),
    listed("a number", "42\n", "names of levels"),
    listed("an unknown key", "own: {method: hf, basis: sto-3g, functional: x}", "functional"),
    listed("a wrong type", "own: {method: 7, basis: sto-3g}", "method must be"),
    listed("nothing for an entry", "own:\n", "own"),
    listed("a key that is no word", "own: {[1, 2]: 3, method: hf}", "mine.yaml"),
    listed("a grid of 99", "own: {method: pbe, basis: sto-3g, grid: 99}", "grid"),
    listed("a tolerance that is no number", "own: {method: hf, basis: sto-3g, scf_tolerance_hartree: .nan}", "toler"),
    listed("an infinite tolerance", "own: {method: hf, basis: sto-3g, scf_tolerance_hartree: .inf}", "tolerance"),
    listed("a date among the arguments", "own: {method: x, calculator: 'ase:A', arguments: {day: 2020-01-01}}", "day"),
    listed("arguments that hold themselves", "own: {method: x, calculator: 'ase:A', arguments: &a {b: *a}}", "mine"),
    listed("a tag that makes objects", "own: !!python/object/apply:os.getcwd []", "mine.yaml"),
    listed("two documents", "own: {method: hf, basis: sto-3g}\n---\nb: {}\n", "mine.yaml"),
]
PROGRAMS = [
    engine("a module that is not installed", "no_such_program:Engine", "no_such_program"),
    engine("a submodule that is not there", "engines.deeper:Engine", "engines.deeper"),
    engine("no class", "engines", "module:Class"),
    engine("no module", ":Engine", "module:Class"),
    engine("a class that does not exist", "engines:Absent", "Absent"),
    engine("no class but a number", "engines:NUMBER", "NUMBER"),
    engine("a class that raises when made", "engines:Refuses", "engine.exe"),
    engine("a program that is not there", "engines:Program", "no-such-program", ends=FAILURE),
    engine("an energy that is not a number", "engines:Nan", "not finite", ends=FAILURE),
    engine("forces of a wrong shape", "engines:Shape", "Shape", ends=FAILURE),
    engine("energies alone", "engines:Energies", "Energies", ends=FAILURE),
    engine("a calculator that stumbles", "engines:Lookup", "parameters of C", ends=FAILURE),
    engine("a program that takes its process along", "engines:Leaves", "exit code 3", ends=BROKEN),
    engine("an ASE program without its command", "ase.calculators.orca:ORCA", "ORCA", ends=ERROR | FAILURE),
    Case(
        group="programs",
        name="thermo: unknown solvent of tight binding",
        words=("thermo", "a.xyz", "--level", "own", "--levels", "mine.yaml", "--json"),
        files={"a.xyz": xyz(WATER), "mine.yaml": "own: {method: gfn2, solvent: vodka}"},
        says="vodka",
    ),
    Case(
        group="programs",
        name="saddle: unknown solvent of PySCF",
        words=("saddle", "a.xyz", "--level", "own", "--levels", "mine.yaml", "--json"),
        files={"a.xyz": xyz(GUESS), "mine.yaml": "own: {method: hf, basis: sto-3g, solvent: vodka}"},
        says="vodka",
    ),
]
OPTIONS = [
    one("options", "--fmax 0", "saddle", GUESS, "--fmax 0", says="fmax"),
    one("options", "--fmax -1", "saddle", GUESS, "--fmax -1", says="fmax"),
    one("options", "--fmax nan", "saddle", GUESS, "--fmax nan", says="fmax"),
    one("options", "--fmax inf", "saddle", GUESS, "--fmax inf", says="fmax"),
    # Three atoms may get there: forces that are zero by symmetry, rounding that happens to cancel.
    one("options", "--fmax below rounding", "saddle", GUESS, "--fmax 1e-12 --budget 60", ends=FAILURE | ANSWER),
    one("options", "--budget 0", "saddle", GUESS, "--budget 0", says="--budget"),
    one("options", "--budget 1", "saddle", GUESS, "--budget 1", ends=FAILURE, says="1 "),
    one("options", "--budget 1", "thermo", WATER, "--budget 1", ends=FAILURE, says="budget of 1 "),
    one("options", "--budget many", "thermo", WATER, "--budget many", says="--budget"),
    one("options", "--hessian best", "saddle", GUESS, "--hessian best", says="best"),
    one("options", "--temperature 0", "thermo", WATER, "--temperature 0", says="--temperature"),
    one("options", "--temperature -5", "thermo", WATER, "--temperature -5", says="--temperature"),
    one("options", "--temperature nan", "thermo", WATER, "--temperature nan", says="--temperature"),
    one("options", "--temperature inf", "thermo", WATER, "--temperature inf", says="--temperature"),
    one("options", "--temperature 1e-9", "thermo", WATER, "--temperature 1e-9", ends=ERROR | ANSWER, says="--temp"),
    one("options", "--temperature 1e300", "thermo", WATER, "--temperature 1e300", says="--temp"),
    one("options", "--cutoff -1", "thermo", WATER, "--cutoff -1", says="--cutoff"),
    one("options", "--cutoff nan", "thermo", WATER, "--cutoff nan", says="--cutoff"),
    one("options", "--cutoff inf", "thermo", WATER, "--cutoff inf", says="--cutoff"),
    one("options", "--standard-state", "thermo", WATER, "--standard-state 1bar", says="1bar"),
    one("options", "--symmetry-number 0", "thermo", WATER, "--symmetry-number 0", says="--symmetry-number"),
    one("options", "--symmetry-number of a googol", "thermo", WATER, f"--symmetry-number {10**400}", says="symmetry"),
    one("options", "--charge half", "saddle", GUESS, "--charge 0.5", says="--charge"),
    two("options", "no samples", "generate", (HCN, HNC), "-n 0", says="--samples"),
    two("options", "a device that is not there", "generate", (HCN, HNC), "--device abacus", says="abacus"),
    two("options", "a negative seed", "generate", (HCN, HNC), "--seed -1", ends=ANSWER),
    two("options", "weights that are none", "generate", (HCN, HNC), "--checkpoint r.xyz", says="r.xyz"),
    two("options", "weights that are not there", "generate", (HCN, HNC), "--checkpoint no.pt", says="no.pt"),
]
OUTPUTS = [
    one("outputs", "a full disk", "saddle", GUESS, "-o /dev/full", ends=BROKEN, says="/dev/full"),
    two("outputs", "a full disk", "ts", (HCN, HNC), "-o /dev/full", ends=BROKEN, says="/dev/full"),
    two("outputs", "a full disk", "generate", (HCN, HNC), "-o /dev/full", ends=BROKEN, says="/dev/full"),
    one("outputs", "no such folder", "saddle", GUESS, "-o nowhere/s.xyz", says="nowhere/s.xyz"),
    two("outputs", "no such folder", "ts", (HCN, HNC), "-o nowhere/s.xyz", says="nowhere/s.xyz"),
    one("outputs", "a folder", "saddle", GUESS, "-o .", says="--output"),
    one(
        "outputs",
        "a folder that cannot be written",
        "saddle",
        GUESS,
        "-o /proc/s.xyz",
        ends=ERROR | BROKEN,
        says="/proc/s.xyz",
    ),
    two(
        "outputs",
        "a folder that cannot be written",
        "generate",
        (HCN, HNC),
        "-o /proc/s.xyz",
        ends=ERROR | BROKEN,
        says="/proc/s.xyz",
    ),
    one("outputs", "standard output is full", "thermo", WATER, ends=BROKEN, stdout="/dev/full", says="space"),
    command("outputs", "standard output is full", "levels --json", "space", ends=BROKEN, stdout="/dev/full"),
]
WORKERS = [
    one(
        "workers",
        "killed while it runs",
        "thermo",
        "C60",
        "--level hf/sto-3g",
        ends=BROKEN,
        kills_worker=True,
        says="died",
    ),
    two(
        "workers",
        "killed while it runs",
        "ts",
        (HCN, HNC),
        "--level hf/def2-qzvp",
        ends=BROKEN,
        kills_worker=True,
        says="died",
    ),
    call("workers", "one of four", killed_among_others, ends=FAILURE, says="died"),
    call("workers", "an error that cannot be pickled", failed_among_others, ends=FAILURE, says="CalledProcessError"),
    call(
        "large",
        "C60 in HF/STO-3G, stopped after 20 s",
        stopped_by_time,
        "C60",
        "hf/sto-3g",
        20.0,
        ends=FAILURE,
        says="20 s",
    ),
    call("large", "C60 at GFN2", minimum, "C60", ends=ANSWER, n_modes=174, limit_s=900.0),
    call("large", "C60 at GFN2, budget of 10", minimum, "C60", {"budget": 10}, ends=FAILURE, says="gradient calls"),
    one("large", "C60 with its symmetry number", "thermo", "C60", "--budget 30", ends=FAILURE, says="gradient calls"),
    two("large", "C60", "generate", ("C60", "C60"), "-n 1", ends=ANSWER | ERROR),
    command(
        "large",
        "sixty heavy atoms",
        "enumerate " + "C" * 20 + " --break 1 --form 1 --json",
        "",
        ends=ANSWER,
        limit_s=120.0,
    ),
]
ENUMERATIONS = [
    command("enumerate", "an open ring", "enumerate C1CC", "C1CC"),
    command("enumerate", "an open bracket", "enumerate C(", "C("),
    command("enumerate", "nothing", "enumerate ", "empty"),
    command("enumerate", "a dummy atom", "enumerate C*", "C*"),
    command("enumerate", "an isotope", "enumerate [2H]O", "isotope"),
    command("enumerate", "five bonds", "enumerate C(C)(C)(C)(C)C", "valence"),
    command("enumerate", "a reaction", "enumerate CC>>C=C", "one side"),
    command("enumerate", "more than four bonds broken", "enumerate CC --break 5", "--break"),
    command("enumerate", "helium", "enumerate [He] --json", "He", ends=ANSWER | ERROR),
    command("enumerate", "a proton", "enumerate [H+] --json", "", ends=ANSWER | ERROR),
]
EXPLORATIONS = [
    explore("an unknown key", "dephts: 2", "dephts"),
    explore("a wrong type", "depth: deep", "depth"),
    explore("a list", "- depth", "keys and values"),
    explore("a tab", "depth:\n\t2", "mine.yaml"),
    explore("a level that is not there", "level: gfn9", "gfn9"),
    explore("a negative budget", "search: {budget_gradient_calls: -1}", "budget_gradient_calls"),
    explore("a force that is no number", "search: {fmax_ev_per_angstrom: .nan}", "fmax"),
    explore("a force without end", "search: {fmax_ev_per_angstrom: .inf}", "fmax"),
    explore("no time for a job", "workers: {job_timeout_s: 0}", "job_timeout_s"),
    explore("no seeds", "seeds: []\ndepth: 0", "depth"),
    explore("a key that is a number", "7: 3", "7"),
    command("explore", "an open ring", "explore C1CC", "C1CC"),
    command("explore", "an unknown generator", "explore CC --generator magic", "magic"),
    command("explore", "a barrier below zero", "explore CC --max-barrier -4", "max_barrier"),
    command("explore", "a barrier that is no number", "explore CC --max-barrier nan", "max_barrier"),
    command("explore", "no kind of database", "explore CC --db nonsense://here", "nonsense"),
    command("explore", "another database", "explore CC --db mysql://a/b", "mysql"),
    command("explore", "a folder for a database", "explore CC --db sqlite:///.", "folder"),
    command("explore", "a database that cannot be made", "explore CC --db sqlite:////proc/no/a.db", "/proc/no"),
    command("explore", "no server", "explore CC --db postgresql://nobody@127.0.0.1:1/none", "127.0.0.1"),
    command("explore", "an unknown variable", "explore CC", "CAIRN_NONSENSE", environment={"CAIRN_NONSENSE": "1"}),
    command("query", "no database", "query reactions --db sqlite:///nowhere.db", "nowhere.db"),
    command("query", "nonsense for a database", "query species --db ://", "://"),
    command("query", "an unknown verdict", "query reactions --verdict perhaps", "perhaps"),
    Case(
        group="explore",
        name="query: no SQLite file",
        words=("query", "species", "--db", "sqlite:///a.db"),
        files={"a.db": b"not a database at all" * 99},
        says="a.db",
    ),
    Case(
        group="explore",
        name="db: a truncated SQLite file",
        words=("db", "upgrade", "--db", "sqlite:///a.db"),
        files={"a.db": b"SQLite format 3\x00" + bytes(50)},
        says="a.db",
    ),
]
SURROUNDING_CASES = (
    *FILES,
    *ENDS,
    *ELEMENTS,
    *LEVELS,
    *LEVEL_FILES,
    *PROGRAMS,
    *OPTIONS,
    *OUTPUTS,
    *WORKERS,
    *ENUMERATIONS,
    *EXPLORATIONS,
)
