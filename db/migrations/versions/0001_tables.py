"""The tables of a network."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "campaign",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("settings", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("rules_hash", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
        sa.UniqueConstraint("name", name=op.f("uq_campaign_name")),
    )
    op.create_table(
        "geometry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("n_atoms", sa.Integer(), nullable=False),
        sa.Column("charge", sa.Integer(), nullable=False),
        sa.Column("multiplicity", sa.Integer(), nullable=False),
        sa.Column("numbers", sa.LargeBinary(), nullable=False),
        sa.Column("positions", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_geometry")),
        sa.UniqueConstraint("content_hash", name=op.f("uq_geometry_content_hash")),
    )
    op.create_table(
        "level",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("basis", sa.String(), nullable=False),
        sa.Column("program", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("options", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_level")),
        sa.UniqueConstraint("key", "name", "program", "version", name=op.f("uq_level_key_name_program_version")),
    )
    op.create_table(
        "model_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("checkpoint_hash", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("metrics", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_version")),
        sa.UniqueConstraint("checkpoint_hash", name=op.f("uq_model_version_checkpoint_hash")),
    )
    op.create_index(op.f("ix_model_version_name"), "model_version", ["name"], unique=False)
    op.create_table(
        "reaction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("reactant_smiles", sa.String(), nullable=False),
        sa.Column("product_smiles", sa.String(), nullable=False),
        sa.Column("mapped_smiles", sa.String(), nullable=False),
        sa.Column("broken", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("formed", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("degeneracy", sa.Integer(), nullable=False),
        sa.Column("reactant_graph", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("product_graph", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reaction")),
        sa.UniqueConstraint("key", name=op.f("uq_reaction_key")),
    )
    op.create_table(
        "species",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("energy_key", sa.String(), nullable=False),
        sa.Column("formula", sa.String(), nullable=False),
        sa.Column("smiles", sa.String(), nullable=False),
        sa.Column("charge", sa.Integer(), nullable=False),
        sa.Column("multiplicity", sa.Integer(), nullable=False),
        sa.Column("graph", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_species")),
        sa.UniqueConstraint("key", name=op.f("uq_species_key")),
    )
    op.create_index(op.f("ix_species_energy_key"), "species", ["energy_key"], unique=False)
    op.create_index(op.f("ix_species_formula"), "species", ["formula"], unique=False)
    op.create_index(op.f("ix_species_smiles"), "species", ["smiles"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("reaction_id", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("estimated_forward_ev", sa.Float(), nullable=True),
        sa.Column("verified_forward_ev", sa.Float(), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_audit_campaign_id")),
        sa.ForeignKeyConstraint(["reaction_id"], ["reaction.id"], name=op.f("fk_audit_reaction_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sa.UniqueConstraint("campaign_id", "reaction_id", name=op.f("uq_audit_campaign_id_reaction_id")),
    )
    op.create_index(op.f("ix_audit_reaction_id"), "audit", ["reaction_id"], unique=False)
    op.create_table(
        "calculation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject_key", sa.String(), nullable=False),
        sa.Column("reaction_id", sa.Integer(), nullable=True),
        sa.Column("level_key", sa.String(), nullable=False),
        sa.Column("settings_hash", sa.String(), nullable=False),
        sa.Column("settings", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("faults", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("enqueued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_by", sa.String(), nullable=True),
        sa.Column("gradient_calls", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("program", sa.String(), nullable=True),
        sa.Column("version", sa.String(), nullable=True),
        sa.Column("failure_stage", sa.String(), nullable=True),
        sa.Column("failure_kind", sa.String(), nullable=True),
        sa.Column("failure_message", sa.String(), nullable=True),
        sa.CheckConstraint("(state = 'running') = (worker IS NOT NULL)", name=op.f("ck_calculation_worker")),
        sa.CheckConstraint("state IN ('pending', 'running', 'done', 'failed')", name=op.f("ck_calculation_state")),
        sa.ForeignKeyConstraint(["reaction_id"], ["reaction.id"], name=op.f("fk_calculation_reaction_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calculation")),
        sa.UniqueConstraint(
            "kind",
            "subject_key",
            "level_key",
            "settings_hash",
            name=op.f("uq_calculation_kind_subject_key_level_key_settings_hash"),
        ),
    )
    op.create_index(op.f("ix_calculation_kind_state_id"), "calculation", ["kind", "state", "id"], unique=False)
    op.create_index(op.f("ix_calculation_reaction_id"), "calculation", ["reaction_id"], unique=False)
    op.create_index(op.f("ix_calculation_worker"), "calculation", ["worker"], unique=False)
    op.create_table(
        "candidate",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reaction_id", sa.Integer(), nullable=False),
        sa.Column("settings_hash", sa.String(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("generator", sa.String(), nullable=False),
        sa.Column("checkpoint_hash", sa.String(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("geometry_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["geometry_id"], ["geometry.id"], name=op.f("fk_candidate_geometry_id")),
        sa.ForeignKeyConstraint(["reaction_id"], ["reaction.id"], name=op.f("fk_candidate_reaction_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_candidate")),
        sa.UniqueConstraint(
            "reaction_id", "settings_hash", "rank", name=op.f("uq_candidate_reaction_id_settings_hash_rank")
        ),
    )
    op.create_table(
        "reaction_membership",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("reaction_id", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(), nullable=True),
        sa.Column("reasons", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_reaction_membership_campaign_id")),
        sa.ForeignKeyConstraint(["reaction_id"], ["reaction.id"], name=op.f("fk_reaction_membership_reaction_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reaction_membership")),
        sa.UniqueConstraint("campaign_id", "reaction_id", name=op.f("uq_reaction_membership_campaign_id_reaction_id")),
    )
    op.create_index(op.f("ix_reaction_membership_reaction_id"), "reaction_membership", ["reaction_id"], unique=False)
    op.create_table(
        "reaction_species",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reaction_id", sa.Integer(), nullable=False),
        sa.Column("species_id", sa.Integer(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("stoichiometric_count", sa.Integer(), nullable=False),
        sa.CheckConstraint("side IN ('reactant', 'product')", name=op.f("ck_reaction_species_side")),
        sa.CheckConstraint("stoichiometric_count > 0", name=op.f("ck_reaction_species_stoichiometric_count")),
        sa.ForeignKeyConstraint(["reaction_id"], ["reaction.id"], name=op.f("fk_reaction_species_reaction_id")),
        sa.ForeignKeyConstraint(["species_id"], ["species.id"], name=op.f("fk_reaction_species_species_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reaction_species")),
        sa.UniqueConstraint(
            "reaction_id", "side", "species_id", name=op.f("uq_reaction_species_reaction_id_side_species_id")
        ),
    )
    op.create_index(op.f("ix_reaction_species_species_id"), "reaction_species", ["species_id"], unique=False)
    op.create_table(
        "species_membership",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("species_id", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("expanded_rules_hash", sa.String(), nullable=True),
        sa.Column("expanded_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_species_membership_campaign_id")),
        sa.ForeignKeyConstraint(["species_id"], ["species.id"], name=op.f("fk_species_membership_species_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_species_membership")),
        sa.UniqueConstraint("campaign_id", "species_id", name=op.f("uq_species_membership_campaign_id_species_id")),
    )
    op.create_index(op.f("ix_species_membership_species_id"), "species_membership", ["species_id"], unique=False)
    op.create_table(
        "abandoned_attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("calculation_id", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("abandoned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["calculation_id"], ["calculation.id"], name=op.f("fk_abandoned_attempt_calculation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_abandoned_attempt")),
        sa.UniqueConstraint("calculation_id", "attempt", name=op.f("uq_abandoned_attempt_calculation_id_attempt")),
    )
    op.create_table(
        "end_points",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("calculation_id", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("reaction_id", sa.Integer(), nullable=False),
        sa.Column("level_id", sa.Integer(), nullable=False),
        sa.Column("reactant_geometry_id", sa.Integer(), nullable=False),
        sa.Column("product_geometry_id", sa.Integer(), nullable=False),
        sa.Column("reactant_energy_ev", sa.Float(), nullable=True),
        sa.Column("product_energy_ev", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["calculation_id"], ["calculation.id"], name=op.f("fk_end_points_calculation_id")),
        sa.ForeignKeyConstraint(["level_id"], ["level.id"], name=op.f("fk_end_points_level_id")),
        sa.ForeignKeyConstraint(
            ["product_geometry_id"], ["geometry.id"], name=op.f("fk_end_points_product_geometry_id")
        ),
        sa.ForeignKeyConstraint(
            ["reactant_geometry_id"], ["geometry.id"], name=op.f("fk_end_points_reactant_geometry_id")
        ),
        sa.ForeignKeyConstraint(["reaction_id"], ["reaction.id"], name=op.f("fk_end_points_reaction_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_end_points")),
        sa.UniqueConstraint("calculation_id", "rank", name=op.f("uq_end_points_calculation_id_rank")),
    )
    op.create_index(op.f("ix_end_points_reaction_id"), "end_points", ["reaction_id"], unique=False)
    op.create_table(
        "transition_state",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("reaction_id", sa.Integer(), nullable=True),
        sa.Column("calculation_id", sa.Integer(), nullable=True),
        sa.Column("level_id", sa.Integer(), nullable=False),
        sa.Column("geometry_id", sa.Integer(), nullable=False),
        sa.Column("energy_ev", sa.Float(), nullable=False),
        sa.Column("frequencies_cm1", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("reactant_end_geometry_id", sa.Integer(), nullable=True),
        sa.Column("product_end_geometry_id", sa.Integer(), nullable=True),
        sa.Column("reactant_end_energy_ev", sa.Float(), nullable=True),
        sa.Column("product_end_energy_ev", sa.Float(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('passed', 'failed', 'could_not_check', 'estimated')", name=op.f("ck_transition_state_verdict")
        ),
        sa.ForeignKeyConstraint(
            ["calculation_id"], ["calculation.id"], name=op.f("fk_transition_state_calculation_id")
        ),
        sa.ForeignKeyConstraint(["geometry_id"], ["geometry.id"], name=op.f("fk_transition_state_geometry_id")),
        sa.ForeignKeyConstraint(["level_id"], ["level.id"], name=op.f("fk_transition_state_level_id")),
        sa.ForeignKeyConstraint(
            ["product_end_geometry_id"], ["geometry.id"], name=op.f("fk_transition_state_product_end_geometry_id")
        ),
        sa.ForeignKeyConstraint(
            ["reactant_end_geometry_id"], ["geometry.id"], name=op.f("fk_transition_state_reactant_end_geometry_id")
        ),
        sa.ForeignKeyConstraint(["reaction_id"], ["reaction.id"], name=op.f("fk_transition_state_reaction_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transition_state")),
        sa.UniqueConstraint("key", name=op.f("uq_transition_state_key")),
    )
    op.create_index(op.f("ix_transition_state_calculation_id"), "transition_state", ["calculation_id"], unique=False)
    op.create_index(op.f("ix_transition_state_reaction_id"), "transition_state", ["reaction_id"], unique=False)
    op.create_table(
        "attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("calculation_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("start", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("gradient_calls", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("transition_state_id", sa.Integer(), nullable=True),
        sa.Column("failure_stage", sa.String(), nullable=True),
        sa.Column("failure_kind", sa.String(), nullable=True),
        sa.Column("failure_message", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["calculation_id"], ["calculation.id"], name=op.f("fk_attempt_calculation_id")),
        sa.ForeignKeyConstraint(
            ["transition_state_id"], ["transition_state.id"], name=op.f("fk_attempt_transition_state_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
        sa.UniqueConstraint("calculation_id", "position", name=op.f("uq_attempt_calculation_id_position")),
    )
    op.create_index(op.f("ix_attempt_transition_state_id"), "attempt", ["transition_state_id"], unique=False)
    op.create_table(
        "barrier",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reaction_id", sa.Integer(), nullable=False),
        sa.Column("transition_state_id", sa.Integer(), nullable=False),
        sa.Column("level_id", sa.Integer(), nullable=False),
        sa.Column("forward_ev", sa.Float(), nullable=False),
        sa.Column("reverse_ev", sa.Float(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("error_ev", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["level_id"], ["level.id"], name=op.f("fk_barrier_level_id")),
        sa.ForeignKeyConstraint(["reaction_id"], ["reaction.id"], name=op.f("fk_barrier_reaction_id")),
        sa.ForeignKeyConstraint(
            ["transition_state_id"], ["transition_state.id"], name=op.f("fk_barrier_transition_state_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_barrier")),
        sa.UniqueConstraint("transition_state_id", name=op.f("uq_barrier_transition_state_id")),
    )
    op.create_index(op.f("ix_barrier_reaction_id"), "barrier", ["reaction_id"], unique=False)
    op.create_table(
        "transition_state_check",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("transition_state_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("evidence", sa.JSON(none_as_null=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('passed', 'failed', 'could_not_check')", name=op.f("ck_transition_state_check_status")
        ),
        sa.ForeignKeyConstraint(
            ["transition_state_id"], ["transition_state.id"], name=op.f("fk_transition_state_check_transition_state_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transition_state_check")),
        sa.UniqueConstraint(
            "transition_state_id", "name", name=op.f("uq_transition_state_check_transition_state_id_name")
        ),
    )
