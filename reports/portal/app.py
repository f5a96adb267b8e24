"""The portal as one ASGI application on one home.

Belongs here: the routes of all roles put together, within limits and headers. Does not: the pages of a role, serving it
(pipelines/portal_commands.py).
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from expectations.language import SIDE_BY_SIDE
from reports.portal import (
    access,
    admin,
    front,
    office,
    own_routes,
    reader,
    scan_pages,
    single_sign_on,
    steward,
    subscriptions,
    vault_pages,
)
from reports.portal.answers import STATIC, Headers, Limits, drawn
from reports.portal.shared import Portal
from reports.portal.words import texts

UPLOADS = (own_routes.CHECK, own_routes.SEND)
PAGES = (front, steward, office, own_routes, reader, subscriptions, vault_pages, scan_pages, admin)
UPLOAD_BYTES = 32 * 1024 * 1024


async def failed(request: Request, error: Exception) -> Response:
    """What is said where we failed: nothing of the failure itself, which is in the server's log."""
    return HTMLResponse(side_by_side("failed"), 500)


def side_by_side(what: str) -> str:
    """A page of what is wrong, in the languages side by side: for whom is not known."""
    said = {lang: {key: texts()[f"{what}.{key}"][lang] for key in ("title", "sub", "back")} for lang in SIDE_BY_SIDE}
    return drawn("failed.html.jinja", said)


def health(portal: Portal, request: Request) -> Response:
    """Whether the portal can work, for whoever watches it: that it can read the ledger. No more is told."""
    try:
        with portal.reader.connect() as connection:
            connection.execute(text("select 1"))
    except DBAPIError:
        return PlainTextResponse("the ledger cannot be read\n", 503)
    return PlainTextResponse("ok\n")


def metrics(portal: Portal, request: Request) -> Response:
    """The figures of the operation, for a program that has a token for the whole carrier; 401 without."""
    from reports.portal.metrics import text_of  # noqa: PLC0415 - its library, wanted here alone

    now = datetime.now(UTC)
    who, scope = access.holder_of(portal, request, now)
    carriers = {unit.code for unit in portal.register.units if unit.level == "carrier"} if who else set()
    if who is None or scope not in carriers or not carriers & set(who.scopes(reader.ROLE)):
        headers = {"www-authenticate": "Bearer"}
        return PlainTextResponse("a token for the whole carrier is wanted\n", 401, headers=headers)
    return Response(text_of(portal.home, portal.reader, now), media_type=CONTENT_TYPE_LATEST)


def open_routes(portal: Portal) -> list[Route]:
    """What nobody has to be logged in for: the ways in, and what programs ask for by tokens or to see that we live."""
    return [
        Route(access.LOGIN, partial(access.log_in_page, portal), methods=["GET", "POST"]),
        *single_sign_on.routes(portal),
        Route("/pull", partial(reader.pull, portal), methods=["GET"]),
        Route("/healthz", partial(health, portal), methods=["GET"]),
        Route("/metrics", partial(metrics, portal), methods=["GET"]),
    ]


def application(portal: Portal) -> ASGIApp:
    """The portal's routes, within its limits and headers."""
    routes = access.Routes(portal)
    for pages in PAGES:
        pages.add_to(routes)
    elsewhere = Route("/{path:path}", routes.anything_else, methods=["GET", "POST"])
    app = Starlette(
        exception_handlers={Exception: failed},
        routes=[*open_routes(portal), *routes.made, Mount("/static", StaticFiles(directory=STATIC)), elsewhere],
    )
    return Headers(Limits(app, UPLOADS, UPLOAD_BYTES, side_by_side("large")), tls=portal.tls)
