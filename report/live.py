"""The report of a database as a web server's application: the page, and its data as JSON. It only reads.

Nothing is sent that another site could run or read: a strict content security policy, no cookies, GET alone, and, where
it listens on this machine alone, only requests that ask for this machine by name, so that no foreign page can reach it
by a name of its own (DNS rebinding).
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from sqlalchemy import Engine
from starlette.exceptions import HTTPException

from chem.errors import ConfigurationError, DatabaseError, InputError
from chem.outcomes import Status
from db import queries, species_queries
from db.engine import open_database
from db.level_names import level_key_of
from report.content import ReportContent, State
from report.detail import reaction_detail
from report.direction import turned
from report.entries import reaction_entries
from report.from_database import campaign_report
from report.html import content_security_policy, render_report
from report.page_data import finite_json, json_text
from report.paths import TRUSTED, passes_from, path_to, usable
from report.records import path_record, reaction_record, species_record
from report.source import understood

YOUNGEST_S = 5.0  # for how long a page is good; ten times as long as it took to make, where that is longer
MOST_AT_ONCE = 1_000  # entries of one answer
_DETAILS = "/api/reactions/"
_HEADERS = {
    "Content-Security-Policy": f"{content_security_policy(is_live=True)}; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_STATE_OF_VERDICT = {
    Status.PASSED: State.PASSED,
    Status.COULD_NOT_CHECK: State.COULD_NOT_CHECK,
    Status.ESTIMATED: State.ESTIMATED,
}

Limit = Annotated[int, Query(ge=1, le=MOST_AT_ONCE)]
Offset = Annotated[int, Query(ge=0)]
MaxBarrier = Annotated[float | None, Query(allow_inf_nan=False)]

logger = logging.getLogger(__name__)


class Answer(JSONResponse):
    """JSON without infinities, ASCII alone."""

    def render(self, content: Any) -> bytes:
        """The bytes of a value."""
        return finite_json(content).encode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Snapshot:
    """The network at one moment, without details, and the page that shows it."""

    content: ReportContent
    page: str
    good_until: float  # of `time.monotonic`


class LiveReport:
    """A database that is asked again and again.

    Args:
        url: Of the database.
        campaign: Name of a campaign; None for the whole database.
        level: Barriers of this level of theory alone, by its key or name; None for all.

    Raises:
        DatabaseError: It cannot be opened, is not Cairn's, or is damaged.
        ConfigurationError: There is no such campaign or level of theory in it.
    """

    def __init__(self, url: str, *, campaign: str | None = None, level: str | None = None) -> None:
        self.url, self.campaign = url, campaign
        self.level_key: str | None = None
        self.engine: Engine = open_database(url, create=False, read_only=True)
        self._lock = threading.Lock()
        self._snapshot: _Snapshot | None = None
        try:
            with understood(self.engine, url) as session:
                self.level_key = None if level is None else level_key_of(session, level)
            self.snapshot()
        except BaseException:
            self.engine.dispose()
            raise

    def snapshot(self) -> _Snapshot:
        """The network of the last seconds."""
        with self._lock:
            if self._snapshot is None or time.monotonic() > self._snapshot.good_until:
                began = time.monotonic()
                with understood(self.engine, self.url) as session:
                    content = campaign_report(session, self.campaign, level_key=self.level_key, with_details=False)
                    page = render_report(content, details_url=_DETAILS)
                ended = time.monotonic()
                good_until = ended + max(YOUNGEST_S, 10 * (ended - began))
                self._snapshot = _Snapshot(content=content, page=page, good_until=good_until)
            return self._snapshot

    def reactions(self, filters: queries.ReactionFilter) -> list[queries.ReactionRecord]:
        """Reactions as they are now."""
        with understood(self.engine, self.url) as session:
            return queries.reactions(session, filters=filters)

    def species(self) -> list[species_queries.SpeciesRecord]:
        """Species as they are now."""
        with understood(self.engine, self.url) as session:
            return species_queries.species(session, campaign=self.campaign)

    def reaction(self, key: str, *, reverse: bool) -> dict[str, Any] | None:
        """Record and details of a reaction as it is now; None where there is none of this key."""
        filters = queries.ReactionFilter(
            campaign=self.campaign, level_key=self.level_key, reaction_keys=frozenset([key])
        )
        with understood(self.engine, self.url) as session:
            records = queries.reactions(session, filters=filters)
            entries = reaction_entries(session, records, level_key=self.level_key, with_details=True)
        if not records:
            return None
        entry = turned(entries[0]) if reverse else entries[0]
        return {**reaction_record(records[0]), "detail": json.loads(json_text(reaction_detail(entry)))}


def live_app(report: LiveReport, *, hosts: Collection[str] | None = None) -> FastAPI:
    """The application.

    Args:
        report: The database; its engine is given back when the server ends.
        hosts: Names under which it may be asked for; None for any.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        report.engine.dispose()

    app = FastAPI(
        title="Cairn", openapi_url=None, docs_url=None, redoc_url=None, default_response_class=Answer, lifespan=lifespan
    )
    _add_errors(app)

    @app.middleware("http")
    async def guarded(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        name = request.headers.get("host", "").rpartition("@")[2]
        asked = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
        if request.method != "GET":
            response: Response = Answer({"error": "only GET is answered"}, 405, {"Allow": "GET"})
        elif hosts is not None and asked not in hosts:
            response = Answer({"error": f"this server answers to {', '.join(sorted(hosts))} alone"}, 400)
        else:
            try:
                response = await call_next(request)
            except Exception:
                logger.exception("no answer to %s", request.url.path)
                response = Answer({"error": "a fault of the server; its output says more"}, 500)
        response.headers.update(_HEADERS)
        return response

    @app.get("/", response_class=HTMLResponse)
    def page() -> HTMLResponse:
        return HTMLResponse(report.snapshot().page)

    @app.get("/api/reactions")
    def reactions(
        request: Request,
        limit: Limit = 100,
        offset: Offset = 0,
        verdict: Annotated[list[Status] | None, Query()] = None,
        species: str | None = None,
        max_barrier_kcal_mol: MaxBarrier = None,
    ) -> dict[str, Any]:
        filters = queries.ReactionFilter(
            campaign=report.campaign,
            level_key=report.level_key,
            species_key=None if species is None else _species_keys(report.snapshot().content, [species])[0],
            verdicts=frozenset(verdict) if verdict else None,
            highest_barrier_kcal_mol=max_barrier_kcal_mol,
            limit=limit + 1,
            offset=offset,
        )
        return _page(request, "reactions", [reaction_record(each) for each in report.reactions(filters)], limit, offset)

    @app.get("/api/reactions/{key:path}")
    def reaction(key: str, *, reverse: bool = False) -> dict[str, Any]:
        found = report.reaction(key, reverse=reverse)
        if found is None:
            raise HTTPException(404, f"there is no reaction {key!r}")
        return found

    @app.get("/api/species")
    def species(request: Request, limit: Limit = 100, offset: Offset = 0) -> dict[str, Any]:
        found = report.species()[offset : offset + limit + 1]
        return _page(request, "species", [species_record(each) for each in found], limit, offset)

    @app.get("/api/paths")
    def paths(
        request: Request,
        start: Annotated[list[str] | None, Query(alias="from")] = None,
        to: str | None = None,
        verdict: Annotated[list[Status] | None, Query()] = None,
        max_barrier_kcal_mol: MaxBarrier = None,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> dict[str, Any]:
        content = report.snapshot().content
        starts = _species_keys(content, start) if start else list(content.seeds)
        if not starts:
            raise ConfigurationError("no campaign says where to begin; give ?from= and a species, by key or SMILES")
        states = {_STATE_OF_VERDICT[each] for each in verdict if each in _STATE_OF_VERDICT} if verdict else TRUSTED
        allowed = usable(content.reactions, states=states, highest_barrier_kcal_mol=max_barrier_kcal_mol)
        passes = passes_from(starts, allowed)
        ends = [key for key in passes if key not in starts] if to is None else _species_keys(content, [to])
        smiles = {each.key: each.smiles for each in content.species}
        found = [
            {"to": smiles.get(end, end), "to_key": end, **path_record(path_to(end, passes, allowed), smiles)}
            for end in ends[offset : offset + limit + 1]
            if end in passes
        ]
        answer = _page(request, "paths", found, limit, offset)
        return {"from": [smiles.get(key, key) for key in starts], "from_keys": starts, **answer}

    return app


def _species_keys(content: ReportContent, names: Sequence[str]) -> list[str]:
    """Keys of species that are named by key or SMILES.

    Raises:
        ConfigurationError: One of them is not there.
    """
    by_name = {each.smiles: each.key for each in reversed(content.species)}
    by_name |= {each.key: each.key for each in content.species}
    for name in names:
        if name not in by_name:
            raise ConfigurationError(f"there is no species {name!r}; give its key or SMILES as /api/species has them")
    return [by_name[name] for name in names]


def _page(request: Request, name: str, found: list[dict[str, Any]], limit: int, offset: int) -> dict[str, Any]:
    """Part of a list, with the address of the next part; one more entry than the limit says that there is one."""
    following = None
    if len(found) > limit:
        given = [(key, value) for key, value in request.query_params.multi_items() if key not in ("limit", "offset")]
        following = f"{request.url.path}?{urlencode([*given, ('limit', limit), ('offset', offset + limit)])}"
    return {name: found[:limit], "offset": offset, "limit": limit, "next": following}


def _add_errors(app: FastAPI) -> None:
    """Every error as a JSON object with the field `error`."""

    @app.exception_handler(HTTPException)
    async def refused(_request: Request, error: HTTPException) -> Response:
        return Answer({"error": error.detail}, error.status_code)

    @app.exception_handler(RequestValidationError)
    async def misunderstood(_request: Request, error: RequestValidationError) -> Response:
        said = "; ".join(f"{'.'.join(map(str, each['loc'][1:]))}: {each['msg']}" for each in error.errors())
        return Answer({"error": said}, 400)

    @app.exception_handler(InputError)
    async def unusable(_request: Request, error: InputError) -> Response:
        return Answer({"error": str(error)}, 503 if isinstance(error, DatabaseError) else 400)
