"""Barriers that a barrier head expects of stored transition states, at the reference that it learned."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "expected_barrier",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("transition_state_id", sa.Integer(), nullable=False),
        sa.Column("level_id", sa.Integer(), nullable=False),
        sa.Column("checkpoint_hash", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("forward_ev", sa.Float(), nullable=False),
        sa.Column("reverse_ev", sa.Float(), nullable=False),
        sa.Column("error_bar_95_forward_ev", sa.Float(), nullable=True),
        sa.Column("error_bar_95_reverse_ev", sa.Float(), nullable=True),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("verdict = 'estimated'", name=op.f("ck_expected_barrier_verdict")),
        sa.ForeignKeyConstraint(
            ["transition_state_id"], ["transition_state.id"], name=op.f("fk_expected_barrier_transition_state_id")
        ),
        sa.ForeignKeyConstraint(["level_id"], ["level.id"], name=op.f("fk_expected_barrier_level_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_expected_barrier")),
        sa.UniqueConstraint(
            "transition_state_id",
            "checkpoint_hash",
            name=op.f("uq_expected_barrier_transition_state_id_checkpoint_hash"),
        ),
    )
