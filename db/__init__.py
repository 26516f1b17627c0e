"""SQL storage of the reaction network: tables, conversion, writes, queries, migrations.

Open a database with `db.engine.open_database`, write inside `db.engine.writing`, read inside `db.engine.reading`.
`db.store` keeps species, reactions, candidates and results; `db.campaigns` what belongs to a campaign; `db.work` hands
out calculations; `db.queries` and `db.totals` answer questions. In a notebook `from db import open_network` is enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from db.network import open_network

__all__ = ["open_network"]


def __getattr__(name: str) -> Any:
    """`open_network` when it is asked for: every module of this package passes here, and few need it."""
    if name == "open_network":
        from db.network import open_network  # noqa: PLC0415

        return open_network
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
