"""Alembic environment: runs on the connection that `db.engine` hands over, inside its transaction."""

from __future__ import annotations

from alembic import context

from db.campaign_tables import Base
from db.schema import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
