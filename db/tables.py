"""The tables. Energies are in eV, frequencies in cm-1, positions in Angstrom, times in seconds, timestamps in UTC.

Scores of triage are in kcal/mol, exactly as they were compared with its threshold.

Every table has a surrogate `id` and, as a unique constraint, the natural key on which writes are idempotent.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, utc_now

Identifier = Annotated[int, mapped_column(primary_key=True)]
Moment = Annotated[datetime, mapped_column(default=utc_now)]


class CalculationState(StrEnum):
    """State of a calculation; a chemical failure is a result and ends in `done`, only infrastructure in `failed`."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class CalculationKind(StrEnum):
    """What a calculation does for its subject."""

    GUESS = "guess"
    RELAX = "relax"
    PREPARE = "prepare"
    ESTIMATE = "estimate"
    SEARCH = "search"
    VERIFY = "verify"
    ENERGY = "energy"
    MINIMUM = "minimum"


class Side(StrEnum):
    """Side of a reaction, as first stored."""

    REACTANT = "reactant"
    PRODUCT = "product"


class SpeciesRow(Base):
    """A species; `energy_key` is shared by enantiomers, `graph` holds the fields of `chem.graph.MolecularGraph`."""

    __tablename__ = "species"
    id: Mapped[Identifier]
    key: Mapped[str] = mapped_column(unique=True)
    energy_key: Mapped[str] = mapped_column(index=True)
    formula: Mapped[str] = mapped_column(index=True)
    smiles: Mapped[str] = mapped_column(index=True)
    charge: Mapped[int]
    multiplicity: Mapped[int]
    graph: Mapped[dict[str, Any]]
    created_at: Mapped[Moment] = mapped_column(index=True)


class GeometryRow(Base):
    """Atoms in space, each geometry once: uint8 atomic numbers and little-endian float64 positions (n_atoms, 3)."""

    __tablename__ = "geometry"
    id: Mapped[Identifier]
    content_hash: Mapped[str] = mapped_column(unique=True)  # SHA-256 over everything below
    n_atoms: Mapped[int]
    charge: Mapped[int]
    multiplicity: Mapped[int]
    numbers: Mapped[bytes]
    positions: Mapped[bytes]


class LevelRow(Base):
    """A level of theory as one version of one program ran it; programs that agree share `key`."""

    __tablename__ = "level"
    __table_args__ = (UniqueConstraint("key", "name", "program", "version"),)
    id: Mapped[Identifier]
    key: Mapped[str]
    name: Mapped[str]
    method: Mapped[str]
    basis: Mapped[str]
    program: Mapped[str]
    version: Mapped[str]
    options: Mapped[list[Any]]  # sorted [name, value] pairs


class ReactionRow(Base):
    """An elementary reaction, in the direction and atom order in which it was first stored.

    The SMILES of the species of a side are joined by ' + '.
    """

    __tablename__ = "reaction"
    id: Mapped[Identifier]
    key: Mapped[str] = mapped_column(unique=True)
    reactant_smiles: Mapped[str]
    product_smiles: Mapped[str]
    mapped_smiles: Mapped[str]
    broken: Mapped[list[Any]]  # atom pairs [i, j]
    formed: Mapped[list[Any]]
    degeneracy: Mapped[int]
    reactant_graph: Mapped[dict[str, Any]]
    product_graph: Mapped[dict[str, Any]]
    created_at: Mapped[Moment] = mapped_column(index=True)


class ReactionSpeciesRow(Base):
    """Which species stand on which side of a reaction, and how often."""

    __tablename__ = "reaction_species"
    __table_args__ = (
        UniqueConstraint("reaction_id", "side", "species_id"),
        CheckConstraint("side IN ('reactant', 'product')", name="side"),
        CheckConstraint("stoichiometric_count > 0", name="stoichiometric_count"),
    )
    id: Mapped[Identifier]
    reaction_id: Mapped[int] = mapped_column(ForeignKey("reaction.id"))
    species_id: Mapped[int] = mapped_column(ForeignKey("species.id"), index=True)
    side: Mapped[str]
    stoichiometric_count: Mapped[int]


class CandidateRow(Base):
    """A guessed transition state; rank 0 is the generator's best."""

    __tablename__ = "candidate"
    __table_args__ = (UniqueConstraint("reaction_id", "settings_hash", "rank"),)
    id: Mapped[Identifier]
    reaction_id: Mapped[int] = mapped_column(ForeignKey("reaction.id"))
    settings_hash: Mapped[str]  # of everything that decides the guess: level and settings of the end points, generator
    rank: Mapped[int]
    generator: Mapped[str]
    checkpoint_hash: Mapped[str]
    seed: Mapped[int] = mapped_column(BigInteger)
    sample: Mapped[int] = mapped_column(default=0, server_default="0")
    confidence: Mapped[float | None]
    expected_error_kcal_mol: Mapped[float | None]
    unscored_reasons: Mapped[list[Any] | None]
    geometry_id: Mapped[int] = mapped_column(ForeignKey("geometry.id"))
    created_at: Mapped[Moment]


class FailureColumns:
    """The three fields of a `chem.outcomes.Failure`, all NULL where nothing failed."""

    failure_stage: Mapped[str | None]
    failure_kind: Mapped[str | None]
    failure_message: Mapped[str | None]


class CalculationRow(FailureColumns, Base):
    """One thing to compute, with who computes it and what came out.

    `attempt` counts how often it was handed out and names the lease; `faults` counts the attempts that infrastructure
    ended, `max_attempts` how many of those end the calculation. `level_key` names the level that was asked for; program
    and version say what ran.
    """

    __tablename__ = "calculation"
    __table_args__ = (
        UniqueConstraint("kind", "subject_key", "level_key", "settings_hash"),
        Index(None, "kind", "state", "place", "id"),
        Index(
            "ix_calculation_failures",
            "kind",
            "level_key",
            "failure_stage",
            "failure_kind",
            sqlite_where=text("failure_kind IS NOT NULL"),
            postgresql_where=text("failure_kind IS NOT NULL"),
        ),
        CheckConstraint("state IN ('pending', 'running', 'done', 'failed')", name="state"),
        CheckConstraint("(state = 'running') = (worker IS NOT NULL)", name="worker"),
    )
    id: Mapped[Identifier]
    kind: Mapped[str]
    subject_key: Mapped[str]
    reaction_id: Mapped[int | None] = mapped_column(ForeignKey("reaction.id"), index=True)
    level_key: Mapped[str]
    settings_hash: Mapped[str]
    settings: Mapped[dict[str, Any]]
    state: Mapped[str]
    place: Mapped[float] = mapped_column(default=0.0, server_default="0")  # in the queue, the smallest first
    attempt: Mapped[int] = mapped_column(default=0)
    faults: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int]
    worker: Mapped[str | None] = mapped_column(index=True)
    lease_expires_at: Mapped[datetime | None]
    enqueued_at: Mapped[Moment]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None] = mapped_column(index=True)
    finished_by: Mapped[str | None]
    gradient_calls: Mapped[int] = mapped_column(default=0)
    seconds: Mapped[float] = mapped_column(default=0.0)
    hessian_calls: Mapped[int | None]  # NULL, as the three below, where not known
    scf_cycles: Mapped[int | None]
    cpu_seconds: Mapped[float | None]
    peak_memory_gib: Mapped[float | None]
    outcome: Mapped[str | None]
    program: Mapped[str | None]
    version: Mapped[str | None]
    # of a preparation that ended `barrierless`: the side whose molecules fall into each other, and their height apart
    barrierless_side: Mapped[str | None]
    barrierless_height_ev: Mapped[float | None]
    campaign_id: Mapped[int | None]  # the campaign that claimed it and pays; NULL where none did


class AbandonedAttemptRow(Base):
    """A lease that ended without a result."""

    __tablename__ = "abandoned_attempt"
    __table_args__ = (UniqueConstraint("calculation_id", "attempt"),)
    id: Mapped[Identifier]
    calculation_id: Mapped[int] = mapped_column(ForeignKey("calculation.id"))
    attempt: Mapped[int]
    worker: Mapped[str]
    started_at: Mapped[datetime]
    abandoned_at: Mapped[datetime]
    reason: Mapped[str]


class EndPointsRow(Base):
    """What a `prepare` calculation made: both sides of a reaction in 3D, in the atom order of the reaction row.

    A calculation makes several pairs, the most promising with rank 0. Those of a `guess` or `relax` are not at rest at
    any level: the level of a `relax` names what moved them.
    """

    __tablename__ = "end_points"
    __table_args__ = (UniqueConstraint("calculation_id", "rank"),)
    id: Mapped[Identifier]
    calculation_id: Mapped[int] = mapped_column(ForeignKey("calculation.id"))
    rank: Mapped[int]
    reaction_id: Mapped[int] = mapped_column(ForeignKey("reaction.id"), index=True)
    level_id: Mapped[int] = mapped_column(ForeignKey("level.id"))
    reactant_geometry_id: Mapped[int] = mapped_column(ForeignKey("geometry.id"))
    product_geometry_id: Mapped[int] = mapped_column(ForeignKey("geometry.id"))
    reactant_energy_ev: Mapped[float | None]
    product_energy_ev: Mapped[float | None]
    reactant_noise_angstrom: Mapped[float | None]  # how broken a network found the guess; NULL where none looked
    product_noise_angstrom: Mapped[float | None]


class TransitionStateRow(Base):
    """A saddle point, filed under the reaction that it really belongs to (NULL where that is unknown).

    The two ends are in the direction of that reaction's row. Atoms are in the order of the reaction for which it was
    searched or estimated: the one of `calculation_id`, or the filed one where no calculation stands behind it.
    """

    __tablename__ = "transition_state"
    __table_args__ = (
        CheckConstraint("verdict IN ('passed', 'failed', 'could_not_check', 'estimated')", name="verdict"),
    )
    id: Mapped[Identifier]
    key: Mapped[str] = mapped_column(unique=True)  # the search and attempt that found it, the estimate, or a digest
    reaction_id: Mapped[int | None] = mapped_column(ForeignKey("reaction.id"), index=True)
    calculation_id: Mapped[int | None] = mapped_column(ForeignKey("calculation.id"), index=True)
    level_id: Mapped[int] = mapped_column(ForeignKey("level.id"))
    geometry_id: Mapped[int] = mapped_column(ForeignKey("geometry.id"))
    energy_ev: Mapped[float]
    frequencies_cm1: Mapped[list[Any]]
    verdict: Mapped[str]
    reactant_end_geometry_id: Mapped[int | None] = mapped_column(ForeignKey("geometry.id"))
    product_end_geometry_id: Mapped[int | None] = mapped_column(ForeignKey("geometry.id"))
    reactant_end_energy_ev: Mapped[float | None]
    product_end_energy_ev: Mapped[float | None]
    reactant_end_frequencies_cm1: Mapped[list[Any] | None]  # NULL where not computed, as for every search at one level
    product_end_frequencies_cm1: Mapped[list[Any] | None]
    walk: Mapped[dict[str, Any] | None]  # the fields of `chem.outcomes.Walk`, for a polished candidate
    created_at: Mapped[Moment] = mapped_column(index=True)
    judged_at: Mapped[datetime | None] = mapped_column(index=True)  # when its checks were judged again, otherwise


class TransitionStateCheckRow(Base):
    """One check of a transition state with its evidence."""

    __tablename__ = "transition_state_check"
    __table_args__ = (
        UniqueConstraint("transition_state_id", "name"),
        CheckConstraint("status IN ('passed', 'failed', 'could_not_check')", name="status"),
    )
    id: Mapped[Identifier]
    transition_state_id: Mapped[int] = mapped_column(ForeignKey("transition_state.id"))
    name: Mapped[str]
    status: Mapped[str]
    evidence: Mapped[dict[str, Any]]


class BarrierRow(Base):
    """Heights of a transition state above both ends, in the direction of the reaction row."""

    __tablename__ = "barrier"
    id: Mapped[Identifier]
    reaction_id: Mapped[int] = mapped_column(ForeignKey("reaction.id"), index=True)
    transition_state_id: Mapped[int] = mapped_column(ForeignKey("transition_state.id"), unique=True)
    level_id: Mapped[int] = mapped_column(ForeignKey("level.id"))
    forward_ev: Mapped[float]
    reverse_ev: Mapped[float]
    verdict: Mapped[str]
    error_ev: Mapped[float | None]


class ExpectedBarrierRow(Base):
    """What a barrier head expects the barriers of a transition state to be, in the direction of its reaction row."""

    __tablename__ = "expected_barrier"
    estimated = CheckConstraint("verdict = 'estimated'", name="verdict")
    __table_args__ = (UniqueConstraint("transition_state_id", "checkpoint_hash"), estimated)
    id: Mapped[Identifier]
    transition_state_id: Mapped[int] = mapped_column(ForeignKey("transition_state.id"))
    level_id: Mapped[int] = mapped_column(ForeignKey("level.id"))  # of the energies that were corrected
    checkpoint_hash: Mapped[str]  # SHA-256 of the weights
    reference: Mapped[str]  # what the barriers are of, in words
    forward_ev: Mapped[float]
    reverse_ev: Mapped[float]
    error_bar_95_forward_ev: Mapped[float | None]  # half-width; NULL where nothing was measured
    error_bar_95_reverse_ev: Mapped[float | None]
    verdict: Mapped[str]
    created_at: Mapped[Moment]


class SpeciesMinimumRow(Base):
    """A proved minimum of a species at a level, for its free energies; mirror images share it."""

    __tablename__ = "species_minimum"
    id: Mapped[Identifier]
    species_id: Mapped[int] = mapped_column(ForeignKey("species.id"), index=True)
    calculation_id: Mapped[int] = mapped_column(ForeignKey("calculation.id"), unique=True)
    level_id: Mapped[int] = mapped_column(ForeignKey("level.id"))
    geometry_id: Mapped[int] = mapped_column(ForeignKey("geometry.id"))
    energy_ev: Mapped[float]
    frequencies_cm1: Mapped[list[Any]]
    symmetry_number: Mapped[int]
    n_conformers: Mapped[int]
    created_at: Mapped[Moment]


class AttemptRow(FailureColumns, Base):
    """One try inside a search, in order of `position`."""

    __tablename__ = "attempt"
    __table_args__ = (UniqueConstraint("calculation_id", "position"),)
    id: Mapped[Identifier]
    calculation_id: Mapped[int] = mapped_column(ForeignKey("calculation.id"))
    position: Mapped[int]
    start: Mapped[str]
    outcome: Mapped[str]
    gradient_calls: Mapped[int]
    seconds: Mapped[float]
    transition_state_id: Mapped[int | None] = mapped_column(ForeignKey("transition_state.id"), index=True)


class ModelVersionStatus(StrEnum):
    """What became of weights that a database taught."""

    CANDIDATE = "candidate"
    ACTIVE = "active"
    REFUSED = "refused"
    RETIRED = "retired"


class ModelVersionRow(Base):
    """Trained weights: those that a campaign used, with their card, and those that were learned, with their figures.

    `status` is NULL for weights that campaigns used and nothing was learned from; of a name one version is active.
    `parent_hash` names the weights from which training began, `generator_hash` the generator that others belong to.
    """

    __tablename__ = "model_version"
    __table_args__ = (
        CheckConstraint("status IN ('candidate', 'active', 'refused', 'retired')", name="status"),
        Index(
            "ix_model_version_in_use",
            "name",
            unique=True,
            sqlite_where=text("status = 'active'"),
            postgresql_where=text("status = 'active'"),
        ),
    )
    id: Mapped[Identifier]
    checkpoint_hash: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(index=True)
    metrics: Mapped[dict[str, Any]]
    created_at: Mapped[Moment]
    file: Mapped[str | None]
    parent_hash: Mapped[str | None]
    generator_hash: Mapped[str | None]
    data_hashes: Mapped[dict[str, Any] | None]
    status: Mapped[str | None]
