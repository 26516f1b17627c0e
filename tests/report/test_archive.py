"""Archives: what is in them, that they come back whole, and that nothing else is taken for one."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import yaml
from sqlalchemy import select

from chem.errors import ConfigurationError, DatabaseError, InputError
from chem.outcomes import Status
from cli.main import run
from db.engine import open_database, reading
from db.load import load_geometries
from db.queries import ReactionFilter, reactions
from db.tables import GeometryRow
from db.upkeep import check
from report.exports.archive_reading import import_archive
from report.exports.formats import ExportOptions, export

EVERYTHING = frozenset(Status)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def archive(network_url, tmp_path_factory):
    """An archive of everything in the small network."""
    path = tmp_path_factory.mktemp("archive") / "network.zip"
    options = ExportOptions(title="Made up <of> formaldehyde", authors=("Doe, Jane", "The Group"))
    export(network_url, "archive", path, verdicts=EVERYTHING, options=options)
    return path


@pytest.fixture(scope="module")
def verified(network_url, tmp_path_factory):
    """An archive as it is written without options."""
    path = tmp_path_factory.mktemp("verified") / "network.zip"
    export(network_url, "archive", path)
    return path


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def target(request, tmp_path):
    """URL of a database of either kind that is not there yet, or has no tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'target.db'}"
        return
    with request.getfixturevalue("postgresql_database")(tables=False) as url:
        yield url


def content(path):
    with zipfile.ZipFile(path) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def rewritten(path, to, changes, sums=True):
    """A copy of an archive with other files, and their right checksums."""
    files = {**content(path), **changes}
    files = {name: data for name, data in files.items() if data is not None}
    if sums:
        lines = (
            f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items() if name != "SHA256SUMS"
        )
        files["SHA256SUMS"] = "".join(lines).encode()
    with zipfile.ZipFile(to, "w") as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return to


def known(url):
    """What a database says of its reactions, and every geometry, bit by bit."""
    engine = open_database(url, create=False)
    with reading(engine) as session:
        records = {each.key: each for each in reactions(session, filters=ReactionFilter(verdicts=EVERYTHING))}
        geometries = load_geometries(session, session.scalars(select(GeometryRow.id)))
        bits = {(each.numbers.tobytes(), each.positions.tobytes()) for each in geometries.values()}
    engine.dispose()
    return records, bits


def plain(record):
    """What does not depend on the database: no row ids, and costs without those of preparations."""
    return (
        record.key,
        record.reactants,
        record.products,
        record.mapped_smiles,
        record.degeneracy,
        record.barrier_forward_kcal_mol,
        record.barrier_reverse_kcal_mol,
        record.barrier_error_kcal_mol,
        record.height_above_reactant_minima_kcal_mol,
        record.height_above_product_minima_kcal_mol,
        record.level,
        record.verdict,
        dict(record.checks),
        record.outcome,
        record.gradient_calls,
    )


def test_an_archive_brings_the_same_network_into_an_empty_database(network_url, archive, target, tmp_path):
    import_archive(archive, target)
    (before, bits), (after, same_bits) = known(network_url), known(target)
    assert {key: plain(record) for key, record in after.items()} == {
        key: plain(record) for key, record in before.items()
    }
    assert same_bits == bits
    assert check(target).problems == ()
    again = tmp_path / "again.zip"
    options = ExportOptions(title="Made up <of> formaldehyde", authors=("Doe, Jane", "The Group"))
    export(target, "archive", again, verdicts=EVERYTHING, options=options)
    assert again.read_bytes() == archive.read_bytes()


def test_an_import_that_is_repeated_changes_nothing(archive, target):
    first = import_archive(archive, target)
    assert first.added == {
        "levels": 2,
        "species": 4,
        "reactions": 3,
        "calculations": 2,
        "transition_states": 5,
        "species_minima": 0,
    }
    rows, (records, _) = check(target).rows, known(target)
    second = import_archive(archive, target)
    assert not any(second.added.values())
    assert second.known == first.added
    assert check(target).rows == rows
    assert known(target)[0] == records


def test_an_archive_that_comes_home_is_known_there(archive, network_url, tmp_path):
    home = tmp_path / "home.db"
    shutil.copyfile(network_url.removeprefix("sqlite:///"), home)
    rows = check(home).rows
    assert not any(import_archive(archive, home).added.values())
    assert check(home).rows == rows


def test_an_import_adds_what_an_earlier_one_left_out(verified, archive, target):
    assert import_archive(verified, target).added["transition_states"] == 2
    assert {record.verdict for record in known(target)[0].values()} == {Status.PASSED}
    assert import_archive(archive, target).added == {
        "levels": 1,
        "species": 0,
        "reactions": 1,
        "calculations": 0,
        "transition_states": 3,
        "species_minima": 0,
    }
    assert not any(import_archive(verified, target).added.values())


def test_two_networks_that_overlap_become_one_in_either_order(filled, tmp_path):
    archives = []
    for name in ("a", "b"):
        url = tmp_path / f"{name}.db"
        filled().fill(url)  # the same reactions in both, each with its own searches
        filled(beginning=f"only {name} ").fill(url)
        archives.append(url.with_suffix(".zip"))
        export(url, "archive", archives[-1], verdicts=EVERYTHING)
    one, merged = known(url)[0]["shift"], []
    for order in (archives, archives[::-1]):
        url = tmp_path / f"{order[0].stem}-first.db"
        for each in order:
            import_archive(each, url)
        records, _ = known(url)
        names = {f"{where}{name}" for where in ("", "only a ", "only b ") for name in ("shift", "loss", "decay")}
        assert set(records) == names
        folder = tmp_path / f"{order[0].stem}-tables"
        export(url, "csv", folder, verdicts=EVERYTHING)
        # Of one and the same estimate the first that comes stands, with the moment at which it was stored.
        merged.append(
            [pd.read_csv(file).drop(columns="found_at", errors="ignore") for file in sorted(folder.iterdir())]
        )
    for first, second in zip(*merged, strict=True):
        pd.testing.assert_frame_equal(first, second)
    assert records["shift"].barrier_forward_kcal_mol == one.barrier_forward_kcal_mol
    assert records["shift"].gradient_calls == 2 * one.gradient_calls  # what both spent


def test_the_bytes_do_not_depend_on_the_process(network_url, verified, tmp_path):
    path = tmp_path / "network.zip"
    words = [sys.executable, "-m", "cli.main", "export", "archive", "--db", network_url, "-o", str(path)]
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}
    subprocess.run(words, check=True, cwd=tmp_path, env=environment, capture_output=True)
    assert path.read_bytes() == verified.read_bytes()


def test_an_archive_says_what_it_is(archive):
    files = content(archive)
    sums = dict(line.split("  ")[::-1] for line in files["SHA256SUMS"].decode().splitlines())
    assert sums == {name: hashlib.sha256(data).hexdigest() for name, data in files.items() if name != "SHA256SUMS"}
    readme = files["README.md"].decode()
    for told in ("3 elementary reactions of 4 species", "2 passed", "1 estimated", "`B3LYP/6-31G*`", "xtb-python 22.1"):
        assert told in readme
    assert all(f"`{name}`" in readme for name in files if name != "README.md")
    assert "\\<of\\>" in readme
    versions = json.loads(files["versions.json"])
    assert {"program": "pyscf", "version": "2.14"} in versions["programs"]
    levels = {each["key"]: each for each in json.loads(files["levels.json"])}
    assert levels["GFN2-xTB"]["transition_states"] == {"estimated": 1, "failed": 1, "passed": 2}
    citation = yaml.safe_load(files["CITATION.cff"])
    assert citation["authors"] == [{"family-names": "Doe", "given-names": "Jane"}, {"name": "The Group"}]
    assert (citation["cff-version"], citation["license"], citation["type"]) == ("1.2.0", "CC-BY-4.0", "dataset")
    metadata = json.loads(files["metadata.json"])["metadata"]
    assert metadata["creators"] == [{"name": "Doe, Jane"}, {"name": "The Group"}]
    assert (metadata["license"], metadata["upload_type"]) == ("cc-by-4.0", "dataset")
    assert files["LICENSE"].decode().startswith("Creative Commons Attribution 4.0 International")


def test_the_database_in_an_archive_is_one_that_cairn_opens(verified, tmp_path):
    (tmp_path / "network.db").write_bytes(content(verified)["network.db"])
    records, _ = known(tmp_path / "network.db")
    assert {record.verdict for record in records.values()} == {Status.PASSED}
    assert check(tmp_path / "network.db").problems == ()


def test_a_licence_can_be_chosen_and_an_unknown_one_is_refused(network_url, tmp_path):
    path = tmp_path / "network.zip"
    export(network_url, "archive", path, options=ExportOptions(licence="CC0-1.0"))
    files = content(path)
    assert files["LICENSE"].decode().startswith("Creative Commons Legal Code\n\nCC0 1.0 Universal")
    assert json.loads(files["metadata.json"])["metadata"]["license"] == "cc-zero"
    with pytest.raises(ConfigurationError, match=r"known are CC-BY-4\.0, CC-BY-SA-4\.0, CC0-1\.0"):
        ExportOptions(licence="GPL")


def judged(data):
    """The database of an archive in which one estimate calls itself passed."""
    connection = sqlite3.connect(":memory:")
    connection.deserialize(data)
    connection.execute("UPDATE transition_state SET verdict = 'passed' WHERE verdict = 'estimated'")
    connection.commit()
    return connection.serialize()


def moved(data):
    """The database of an archive in which an atom has moved."""
    connection = sqlite3.connect(":memory:")
    connection.deserialize(data)
    connection.execute("UPDATE geometry SET positions = zeroblob(96) WHERE id = 1")
    connection.commit()
    return connection.serialize()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda files: {"README.md": files["README.md"] + b"more"}, "README.md does not match its checksum"),
        (lambda _: {"LICENSE": None}, "LICENSE is missing"),
        (lambda _: {"virus.exe": b"x"}, "virus.exe is not in its SHA256SUMS"),
    ],
)
def test_an_archive_that_was_damaged_is_refused(archive, tmp_path, change, told):
    path = rewritten(archive, tmp_path / "changed.zip", change(content(archive)), sums=False)
    with pytest.raises(InputError, match=told):
        import_archive(path, tmp_path / "target.db")
    assert not (tmp_path / "target.db").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda files: {"network.db": judged(files["network.db"])}, "is called passed where its checks say estimated"),
        (lambda files: {"network.db": moved(files["network.db"])}, "holds other atoms or positions than its name says"),
        (lambda files: {"network.db": files["network.db"][:5000]}, "cannot be used|damaged"),
        (lambda _: {"network.db": b"no database"}, "cannot be used"),
        (lambda _: {"network.db": None}, "holds no network.db"),
        (lambda _: {"versions.json": b"[]"}, "cannot be read"),
        (lambda _: {"versions.json": b'{"archive": "other", "archive_version": 1, "schema_version": "1"}'}, "'other'"),
    ],
)
def test_a_file_that_only_looks_like_an_archive_is_refused(archive, tmp_path, change, told):
    path = rewritten(archive, tmp_path / "changed.zip", change(content(archive)))
    with pytest.raises(InputError, match=told):
        import_archive(path, tmp_path / "target.db")
    assert not (tmp_path / "target.db").exists()


def test_another_file_is_refused(tmp_path, archive):
    whole = archive.read_bytes()
    for name, data in (("text.zip", b"text"), ("cut.zip", whole[: len(whole) // 2]), ("empty.zip", b"")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match="damaged or no zip file"):
            import_archive(tmp_path / name, tmp_path / "target.db")
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    (tmp_path / "flipped.zip").write_bytes(bytes(flipped))
    with pytest.raises(InputError, match="damaged"):
        import_archive(tmp_path / "flipped.zip", tmp_path / "target.db")
    with pytest.raises(InputError, match="there is no file"):
        import_archive(tmp_path / "nowhere.zip", tmp_path / "target.db")


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ("0009", r"older than this program's \d+; unpack .* `cairn db upgrade`"),
        ("9999", "a newer Cairn wrote it; update"),
    ],
)
def test_an_archive_of_another_schema_is_refused_with_the_remedy(archive, tmp_path, schema, told):
    versions = json.loads(content(archive)["versions.json"])
    changed = json.dumps({**versions, "schema_version": schema}).encode()
    path = rewritten(archive, tmp_path / "changed.zip", {"versions.json": changed})
    with pytest.raises(DatabaseError, match=told):
        import_archive(path, tmp_path / "target.db")


def test_a_database_of_another_schema_is_refused_with_the_remedy(archive, tmp_path):
    path = tmp_path / "old.db"
    open_database(path).dispose()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE cairn_version SET version_num = '0009'")
    with pytest.raises(DatabaseError, match="run `cairn db upgrade`"):
        import_archive(archive, path)


def test_the_commands_tell_what_they_did(network_url, tmp_path, capsys):
    path, url = tmp_path / "network.zip", f"sqlite:///{tmp_path / 'target.db'}"
    assert run(["export", "archive", "--db", network_url, "-o", str(path)]) == 0
    assert "nobody is named as author" in capsys.readouterr().err
    assert run(["import", str(path), "--db", url, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["added"] == {
        "levels": 1,
        "species": 4,
        "reactions": 2,
        "calculations": 2,
        "transition_states": 2,
        "species_minima": 0,
    }
    assert run(["import", str(path), "--db", url]) == 0
    assert "transition states: 0 new, 2 known" in capsys.readouterr().out
    path.write_bytes(b"nothing")
    assert run(["import", str(path), "--db", url]) == 2
    assert "damaged or no zip file" in capsys.readouterr().err
