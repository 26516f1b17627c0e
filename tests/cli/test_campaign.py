"""`cairn campaign`: what is stored, shown, paused and refused. Running one is `cairn explore`'s test."""

from __future__ import annotations

import json

import pytest

from cli.main import run


@pytest.fixture
def database(tmp_path):
    return f"sqlite:///{tmp_path / 'network.db'}"


@pytest.fixture
def cairn(database, capsys):
    """Function that runs a `cairn campaign` command and gives its exit code, output and errors."""

    def called(*words, url=database):
        code = run(["campaign", *words, "--db", url])
        told = capsys.readouterr()
        return code, told.out, told.err

    return called


def status(cairn, name, **url):
    code, out, err = cairn("status", name, "--json", **url)
    assert code == 0, err
    return json.loads(out)


def test_a_campaign_is_stored_with_its_depth_and_budget_and_not_run(cairn):
    code, out, _ = cairn("create", "C#N", "--name", "acid", "--depth", "3", "--gradient-calls", "500")
    assert (code, "cairn campaign run acid" in out) == (0, True)
    now = status(cairn, "acid")
    assert (now["state"], now["depth"], now["n_reactions"], now["halted"]) == ("active", 3, 0, None)
    assert now["budget"] == {"gradient_calls": 500, "cpu_hours": None, "gpu_hours": None, "reactions": None}
    assert now["frontier"] == [{"smiles": "C#N", "round": 0}]


def test_the_same_name_takes_another_depth_and_budget_but_no_other_network(cairn):
    cairn("create", "C#N", "--name", "acid")
    assert cairn("create", "C#N", "--name", "acid", "--depth", "2", "--reactions", "9")[0] == 0
    now = status(cairn, "acid")
    assert (now["depth"], now["budget"]["reactions"]) == (2, 9)
    code, _, err = cairn("create", "C=O", "--name", "acid")
    assert code == 2
    assert "seeds was" in err


def test_a_paused_campaign_is_not_run_and_says_how_to_go_on(cairn):
    cairn("create", "C#N", "--name", "acid")
    assert cairn("pause", "acid")[1] == "campaign acid was active and is paused\n"
    assert status(cairn, "acid")["halted"] == "the campaign is paused"
    code, _, err = cairn("run", "acid")
    assert code == 2
    assert "cairn campaign resume" in err
    assert cairn("resume", "acid")[1] == "campaign acid was paused and is active\n"


def test_a_stopped_campaign_is_not_resumed(cairn):
    cairn("create", "C#N", "--name", "acid")
    cairn("stop", "acid")
    code, _, err = cairn("resume", "acid")
    assert code == 2
    assert "stopped for good" in err


def test_the_campaigns_of_a_database_are_listed(cairn):
    cairn("create", "C#N", "--name", "acid")
    cairn("create", "C=O", "--name", "aldehyde")
    cairn("pause", "aldehyde")
    code, out, _ = cairn("list", "--json")
    found = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [(each["name"], each["state"]) for each in found] == [("acid", "active"), ("aldehyde", "paused")]


def test_the_status_of_an_explored_network_tells_what_was_spent_and_that_nothing_is_open(cairn, explored):
    settings, name = explored
    now = status(cairn, name, url=settings.database)
    assert now["spent"]["gradient_calls"] == sum(each["gradient_calls"] for each in now["costs"]) > 50
    assert all(each["open"] == 0 for each in now["pace"])
    code, out, _ = cairn("status", name, url=settings.database)
    assert code == 0
    assert "gradient calls: " in out


def test_campaigns_that_differ_in_one_setting_say_which(cairn):
    cairn("create", "C#N", "--name", "one")
    cairn("create", "C#N", "--name", "two", "--depth", "4")
    code, out, _ = cairn("diff", "one", "two", "--json")
    assert code == 0
    assert [json.loads(line) for line in out.splitlines()] == [{"setting": "depth", "first": 1, "second": 4}]
    assert "1 settings" in cairn("diff", "one", "two")[1]


@pytest.mark.parametrize("command", ["status", "pause", "resume", "stop", "run"])
def test_an_unknown_campaign_is_named_with_those_that_there_are(cairn, command):
    cairn("create", "C#N", "--name", "acid")
    code, _, err = cairn(command, "base")
    assert code == 2
    assert "no campaign 'base' in this database; it holds: acid" in err


def test_a_wrong_molecule_is_refused_before_anything_is_stored(cairn, tmp_path):
    code, _, err = cairn("create", "C(", "--name", "wrong")
    assert code == 2
    assert "C(" in err
    assert not (tmp_path / "network.db").exists()
