"""Versions of models in both kinds of database: one is in use, a roll-back restores the one before, nothing is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from chem.audit import AuditOutcome
from chem.errors import ConfigurationError
from db.audits import Audit, add_audits, finish_audit
from db.campaigns import add_campaign, add_reaction_members
from db.engine import _engine, _parse, open_database, reading, upgrade, writing
from db.model_versions import (
    ModelVersion,
    activate,
    model_versions,
    note_used_weights,
    parent_of_active,
    record_versions,
)
from db.schema import _config
from db.store import add_reactions
from db.tables import ModelVersionStatus
from db.wrong_estimates import wrong_estimates

ACTIVE, RETIRED, REFUSED = ModelVersionStatus.ACTIVE, ModelVersionStatus.RETIRED, ModelVersionStatus.REFUSED


def version(name, parent=None, status=RETIRED):
    """A generator with its confidence."""
    generator = ModelVersion(
        name="generator",
        checkpoint_hash=name,
        file=f"/models/{name}.safetensors",
        status=status,
        parent_hash=parent,
        data_hashes={"joined": "abc"},
        metrics={"campaign_rmsd_mean_angstrom": 0.2},
    )
    confidence = replace(
        generator, name="confidence", checkpoint_hash=f"confidence of {name}", generator_hash=name, parent_hash=None
    )
    return [generator, confidence]


def statuses(engine):
    with reading(engine) as session:
        return {one.checkpoint_hash: one.status for one in model_versions(session)}


def test_of_a_generator_and_its_confidence_one_version_is_in_use(engine):
    with writing(engine) as session:
        note_used_weights(session, {"generator": ("first", {"data": "rdb7"}), "potential": ("p", {})})
        record_versions(session, [*version("first"), *version("second", "first"), *version("bad", "first", REFUSED)])
        stale = replace(version("first", status=ModelVersionStatus.CANDIDATE)[1], checkpoint_hash="of a killed run")
        record_versions(session, [stale])
        activate(session, ["first", "confidence of first"])
        activate(session, ["second", "confidence of second"])
        note_used_weights(session, {"generator": ("second", {"a card": "changes no figure"})})
    assert statuses(engine) == {
        "first": RETIRED,
        "confidence of first": RETIRED,
        "second": ACTIVE,
        "confidence of second": ACTIVE,
        "of a killed run": ModelVersionStatus.CANDIDATE,
        "bad": REFUSED,
        "confidence of bad": REFUSED,
    }
    with reading(engine) as session:
        (found,) = model_versions(session, name="generator", status=ACTIVE)
        active, parent = parent_of_active(session)
    assert found.metrics == {"campaign_rmsd_mean_angstrom": 0.2}
    assert (active.checkpoint_hash, [one.name for one in parent]) == ("second", ["generator", "confidence"])
    assert parent[0].checkpoint_hash == "first"


def test_the_database_itself_refuses_two_versions_in_use(engine):
    with writing(engine) as session:
        record_versions(session, [*version("first"), *version("second")])
        activate(session, ["first", "confidence of first"])
    with pytest.raises(IntegrityError), writing(engine) as session:
        session.execute(text("UPDATE model_version SET status = 'active'"))
    with pytest.raises(IntegrityError), writing(engine) as session:
        session.execute(text("UPDATE model_version SET status = 'splendid'"))


def test_where_learning_began_there_is_nothing_to_roll_back(engine):
    with reading(engine) as session, pytest.raises(ConfigurationError, match="nothing to roll back"):
        parent_of_active(session)
    with writing(engine) as session:
        record_versions(session, version("first"))
        activate(session, ["first", "confidence of first"])
    with reading(engine) as session, pytest.raises(ConfigurationError, match="where learning began"):
        parent_of_active(session)


def test_weights_of_an_older_database_stay_on_record_and_none_of_them_is_in_use(empty_url):
    engine = _engine(_parse(empty_url), "old")
    with writing(engine) as session:
        command.upgrade(_config(session.connection()), "0013")
        session.execute(
            text(
                "INSERT INTO model_version (checkpoint_hash, name, metrics, active, created_at)"
                " VALUES ('old', 'generator', '{}', :yes, '2026-01-01 00:00:00')"
            ),
            {"yes": True},
        )
    engine.dispose()
    assert upgrade(empty_url)[0] == "0013"
    engine = open_database(empty_url)
    with reading(engine) as session:
        assert model_versions(session) == []
        assert session.execute(text("SELECT checkpoint_hash, status FROM model_version")).all() == [("old", None)]
    engine.dispose()


def test_audits_tell_which_believed_estimates_were_wrong(engine, network):
    ends = {
        "shift": (AuditOutcome.VERIFIED, 1.5),
        "decay": (AuditOutcome.VERIFIED, 2.5),
        "exchange": (AuditOutcome.WRONG_SADDLE, None),
        "dissociation": (None, None),
    }
    with writing(engine) as session:
        add_reactions(session, network.reactions)
        add_campaign(session, name="one", settings={}, seed=0, rules_hash="r")
        add_campaign(session, name="two", settings={}, seed=0, rules_hash="r")
        add_reaction_members(session, "one", list(ends), round_number=0)
        audits = [Audit(reaction_key=key, estimated_forward_ev=1.45) for key in ends]
        add_audits(session, "one", audits, rounds=dict.fromkeys(ends, 0))
        for key, (outcome, barrier) in ends.items():
            if outcome is not None:
                finish_audit(session, "one", key, outcome=outcome, verified_forward_ev=barrier)
    with reading(engine) as session:
        assert wrong_estimates(session, above_kcal_mol=5.0) == {"decay", "exchange"}
        assert wrong_estimates(session, above_kcal_mol=1.0, campaign="one") == {"shift", "decay", "exchange"}
        assert wrong_estimates(session, above_kcal_mol=1.0, campaign="two") == frozenset()
