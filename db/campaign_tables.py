"""The tables of campaigns: what they are, what they may spend, what belongs to them. Units as in `db.tables`."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from db.tables import Identifier, Moment


class CampaignState(StrEnum):
    """Whether a campaign is worked on."""

    ACTIVE = "active"
    PAUSED = "paused"
    STOPPED = "stopped"


class CampaignRow(Base):
    """A campaign with everything that decides what it does.

    `settings` decide which network it finds and never change; `specification` is everything that was asked for, depth
    and ladder included (NULL for campaigns from before there was one); `budget` holds the fields of
    `chem.budget.Budget`; of the first `rounds_done` rounds it is known which species they reach.
    """

    __tablename__ = "campaign"
    id: Mapped[Identifier]
    name: Mapped[str] = mapped_column(unique=True)
    settings: Mapped[dict[str, Any]]
    seed: Mapped[int] = mapped_column(BigInteger)
    rules_hash: Mapped[str]
    created_at: Mapped[Moment]
    specification: Mapped[dict[str, Any] | None]
    state: Mapped[str] = mapped_column(default=CampaignState.ACTIVE.value, server_default="active")
    budget: Mapped[dict[str, Any] | None]
    rounds_done: Mapped[int] = mapped_column(default=0, server_default="0")
    spent_gradient_calls: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    spent_cpu_seconds: Mapped[float] = mapped_column(default=0.0, server_default="0")
    spent_gpu_seconds: Mapped[float] = mapped_column(default=0.0, server_default="0")


class Origin(StrEnum):
    """How a campaign came upon a reaction."""

    ENUMERATED = "enumerated"
    PROPOSED = "proposed"
    FOUND = "found"  # where a search for another reaction ended


class SpeciesMembershipRow(Base):
    """A species that a campaign reached, in which round, and with which rules it was expanded (NULL: not yet).

    `proposed_hash` is the identity of what proposed further reactions of it (NULL: nothing, or not yet).
    """

    __tablename__ = "species_membership"
    __table_args__ = (UniqueConstraint("campaign_id", "species_id"),)
    id: Mapped[Identifier]
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    species_id: Mapped[int] = mapped_column(ForeignKey("species.id"), index=True)
    round: Mapped[int]
    expanded_rules_hash: Mapped[str | None]
    expanded_at: Mapped[datetime | None]
    proposed_hash: Mapped[str | None]


class ReactionMembershipRow(Base):
    """A reaction that a campaign reached, in which round, and what its triage decided (NULL: not yet).

    `origin` is an `Origin`, the first that held; NULL where it is not known.
    """

    __tablename__ = "reaction_membership"
    __table_args__ = (UniqueConstraint("campaign_id", "reaction_id"), Index(None, "campaign_id", "action"))
    id: Mapped[Identifier]
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    reaction_id: Mapped[int] = mapped_column(ForeignKey("reaction.id"), index=True)
    round: Mapped[int]
    action: Mapped[str | None]
    reasons: Mapped[list[Any] | None]
    score_kcal_mol: Mapped[float | None]  # expected barrier error, where it was held against a threshold
    origin: Mapped[str | None]


class AuditRow(Base):
    """An accepted reaction that is verified all the same, with its barrier before and after.

    `outcome` is a `chem.audit.AuditOutcome`, NULL until the search ends.
    """

    __tablename__ = "audit"
    __table_args__ = (
        UniqueConstraint("campaign_id", "reaction_id"),
        CheckConstraint("outcome IN ('verified', 'wrong_saddle', 'not_verified')", name="outcome"),
    )
    id: Mapped[Identifier]
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    reaction_id: Mapped[int] = mapped_column(ForeignKey("reaction.id"), index=True)
    round: Mapped[int]
    confidence: Mapped[float | None]
    estimated_forward_ev: Mapped[float | None]
    verified_forward_ev: Mapped[float | None]
    outcome: Mapped[str | None]
    verified_at: Mapped[datetime | None]
    created_at: Mapped[Moment]
