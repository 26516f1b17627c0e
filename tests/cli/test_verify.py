"""`cairn verify` meets bad input before it starts anything."""

from __future__ import annotations

import pytest

from cli.main import run
from db.engine import open_database


@pytest.fixture
def database(tmp_path):
    url = f"sqlite:///{tmp_path / 'network.db'}"
    open_database(url).dispose()
    return url


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name reactions by their keys, or a campaign"),
        (["--campaign", "nothing"], "nothing"),
        (["rx-0123"], "the database has no reaction rx-0123"),
        (["rx-0123", "--verdict", "good"], "unknown verdict good"),
        (["rx-0123", "--from", "gfn9"], "unknown level of theory 'gfn9'"),
        (["rx-0123", "--from", "hf/3-21g"], "give a higher one"),
        (["rx-0123", "--energies", "--undecided"], "leave out one of"),
    ],
)
def test_bad_input_names_itself_and_the_remedy(database, arguments, message, capsys):
    assert run(["verify", *arguments, "--level", "hf/3-21g", "--db", database]) == 2
    assert message in capsys.readouterr().err


def test_what_was_never_searched_cannot_be_searched_again(explored, capsys):
    settings, name = explored
    assert run(["verify", "--campaign", name, "--undecided", "--level", "hf/3-21g", "--db", settings.database]) == 2
    assert "none of these reactions was searched at GFN2-xTB without being found" in capsys.readouterr().err


def test_a_missing_database_is_named(tmp_path, capsys):
    url = f"sqlite:///{tmp_path / 'none.db'}"
    assert run(["verify", "rx-0123", "--level", "hf/3-21g", "--db", url]) == 2
    assert "none.db" in capsys.readouterr().err
