"""What `db.engine` opens, what it refuses, and that readers and writers do not get into each other's way."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from chem.errors import DatabaseError
from db.engine import open_database, reading, upgrade, without_password, writing
from db.store import add_species

ROOT = Path(__file__).parents[2]


def test_an_sqlite_file_writes_ahead_checks_foreign_keys_and_waits_for_locks(tmp_path):
    engine = open_database(tmp_path / "network.db")
    with engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        }
    engine.dispose()
    assert pragmas == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 30_000, "synchronous": 1}


def test_a_database_in_memory_lives_as_long_as_its_engine(network):
    engine = open_database("sqlite://")
    with writing(engine) as session:
        add_species(session, [network.hydrogen])
    with reading(engine) as session:
        assert session.scalar(text("SELECT smiles FROM species")) == "[H][H]"
    engine.dispose()


def test_a_missing_file_is_refused_by_name_and_not_made(tmp_path):
    path = tmp_path / "absent.db"
    with pytest.raises(DatabaseError, match=r"absent\.db does not exist; check the path"):
        open_database(f"sqlite:///{path}", create=False)
    with pytest.raises(DatabaseError, match="does not exist"):
        upgrade(path)
    assert not path.exists()


def test_an_empty_database_is_refused_where_it_must_exist(empty_url):
    if empty_url.startswith("sqlite"):
        Path(empty_url.removeprefix("sqlite:///")).touch()
    with pytest.raises(DatabaseError, match="holds no network"):
        open_database(empty_url, create=False)
    with pytest.raises(DatabaseError, match="holds no network"):
        upgrade(empty_url)


def test_the_folder_of_a_new_file_is_made(tmp_path):
    open_database(tmp_path / "runs" / "first" / "network.db").dispose()
    assert (tmp_path / "runs" / "first" / "network.db").is_file()


def test_a_path_that_cannot_be_created_is_refused_by_name(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DatabaseError, match=r"file/network\.db.*give another path"):
        open_database(tmp_path / "file" / "network.db")
    with pytest.raises(DatabaseError, match="is a folder; give the path of a file in it"):
        open_database(tmp_path)
    with pytest.raises(DatabaseError, match=r"/proc/network\.db cannot be used"):
        open_database("/proc/network.db")


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("a note\n" * 1000)
    with pytest.raises(DatabaseError, match=r"notes\.txt cannot be used: file is not a database"):
        open_database(path)
    assert path.read_text() == "a note\n" * 1000


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "prefect.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE alembic_version (version_num TEXT)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(DatabaseError, match=r"prefect\.db holds tables of another program.*give an empty or new"):
        open_database(path)
    with pytest.raises(DatabaseError, match="another program"):
        upgrade(path)
    assert path.read_bytes() == before


@pytest.mark.server
def test_a_postgresql_database_of_another_program_is_refused(postgresql_server):
    with pytest.raises(DatabaseError, match="holds no network"):
        open_database(postgresql_server.format("postgres"), create=False)
    engine = create_engine(postgresql_server.format("postgres").replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE flow (id int)"))
    with pytest.raises(DatabaseError, match="another program"):
        open_database(postgresql_server.format("postgres"))
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE flow"))
    engine.dispose()


def test_urls_that_cannot_be_used_are_named_without_their_password():
    with pytest.raises(DatabaseError, match="mysql is not supported; use sqlite or postgresql") as caught:
        open_database("mysql://me:secret@host/network")
    assert "secret" not in str(caught.value)
    with pytest.raises(DatabaseError, match="is not a URL; give sqlite:///"):
        open_database("://")


@pytest.mark.server
def test_a_server_that_does_not_answer_is_named_without_its_password():
    pytest.importorskip("psycopg")
    with pytest.raises(DatabaseError, match=r"cannot be used: .*check the path or URL") as caught:
        open_database("postgresql://me:secret@localhost:1/network")
    assert "secret" not in str(caught.value)


def test_a_database_can_be_opened_to_read_alone(database_url, network):
    writer = open_database(database_url)
    with writing(writer) as session:
        add_species(session, [network.hydrogen])
    reader = open_database(database_url, create=False, read_only=True)
    with reading(reader) as session:
        assert session.execute(text("SELECT COUNT(*) FROM species")).scalar_one() == 1
    with pytest.raises((DatabaseError, DBAPIError), match=r"readonly|read-only"), writing(reader) as session:
        add_species(session, [network.formaldehyde])
    with writing(writer) as session:  # a reader hinders nobody
        add_species(session, [network.formaldehyde])
    with reading(reader) as session:
        assert session.execute(text("SELECT COUNT(*) FROM species")).scalar_one() == 2
    reader.dispose()
    writer.dispose()


def test_opening_to_read_alone_leaves_the_way_of_journalling(tmp_path):
    path = tmp_path / "odd name %41 #?.db"
    open_database(path).dispose()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()
    before = path.read_bytes()
    open_database(path, create=False, read_only=True).dispose()
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_pages_that_are_damaged_are_told_as_such_when_they_are_read(tmp_path, network):
    path = tmp_path / "network.db"
    engine = open_database(path)
    with writing(engine) as session:
        add_species(session, [network.hydrogen])
    engine.dispose()
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)
    damaged = create_engine(f"sqlite:///{path}")
    with pytest.raises(DatabaseError, match=r"network\.db is damaged"), reading(damaged) as session:
        session.execute(text("SELECT * FROM species")).all()
    damaged.dispose()
    with pytest.raises(DatabaseError, match=r"network\.db"):
        open_database(path, create=False, read_only=True)


def test_a_reading_session_cannot_write_and_does_not_hinder_the_next_writer(engine, network):
    with pytest.raises(DBAPIError, match=r"readonly|read-only"), reading(engine) as session:
        add_species(session, [network.hydrogen])
    with writing(engine) as session:
        add_species(session, [network.hydrogen])


@pytest.mark.server
def test_a_role_that_may_only_read_reads_and_is_told_so_when_it_writes(postgresql_database, network):
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (grants,) = re.findall(r"--command '(CREATE ROLE reader .+)'", readme)
    with postgresql_database() as url:
        owner = open_database(url)
        with writing(owner) as session:
            add_species(session, [network.formaldehyde])
            session.execute(text(grants))
        reader = open_database(url.replace("cairn@", "reader@"), create=False)
        with reading(reader) as session:
            assert session.execute(text("SELECT COUNT(*) FROM species")).scalar_one() == 1
        with pytest.raises(DatabaseError, match="may only be read by this user"), writing(reader) as session:
            session.execute(text("DELETE FROM species"))
        reader.dispose()
        with writing(owner) as session:
            session.execute(text("DROP OWNED BY reader; DROP ROLE reader"))
        owner.dispose()


def test_a_reader_does_not_wait_for_a_writer_and_sees_one_state(engine, network):
    with reading(engine) as reader:
        assert reader.scalar(text("SELECT COUNT(*) FROM species")) == 0
        with writing(engine) as writer:
            add_species(writer, [network.hydrogen])
            assert reader.scalar(text("SELECT COUNT(*) FROM species")) == 0
        assert reader.scalar(text("SELECT COUNT(*) FROM species")) == 0
    with reading(engine) as reader:
        assert reader.scalar(text("SELECT COUNT(*) FROM species")) == 1


def test_a_failed_transaction_leaves_nothing_behind(engine, network, count_rows):
    before = count_rows(engine)

    def store_and_stop():
        with writing(engine) as session:
            add_species(session, [network.hydrogen])
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        store_and_stop()
    assert count_rows(engine) == before


def test_four_processes_create_one_database_together(empty_url):
    script = "import sys; from db.engine import open_database; open_database(sys.argv[1]).dispose()"
    workers = [
        subprocess.Popen([sys.executable, "-c", script, empty_url], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    errors = [worker.communicate(timeout=120)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 4, errors
    open_database(empty_url, create=False).dispose()


def test_a_password_goes_into_the_environment_and_out_of_the_url(monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "old")
    url = without_password("postgresql://me:secret@host/network")
    assert url == "postgresql+psycopg://me@host/network"
    assert os.environ["PGPASSWORD"] == "secret"


@pytest.mark.parametrize("url", ["sqlite:///network.db", "postgresql://me@host/network"])
def test_a_url_without_a_password_stays_as_it_is(url, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "old")
    assert without_password(url) == url
    assert os.environ["PGPASSWORD"] == "old"
