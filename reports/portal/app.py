"""The portal as one ASGI application on one home.

Belongs here: the routes of all roles put together, within limits and headers. Does not: the pages of a role, serving it
(pipelines/portal_commands.py).
"""

from __future__ import annotations

from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from expectations.language import SIDE_BY_SIDE
from reports.portal import access, admin, front, own, reader, steward
from reports.portal.answers import STATIC, Headers, Limits, drawn
from reports.portal.shared import Portal
from reports.portal.words import texts

UPLOADS = (own.CHECK, own.SEND)
PAGES = (front, steward, own, reader, admin)
UPLOAD_BYTES = 32 * 1024 * 1024


async def failed(request: Request, error: Exception) -> Response:
    """What is said where we failed: nothing of the failure itself, which is in the server's log."""
    said = {lang: {key: texts()[f"failed.{key}"][lang] for key in ("title", "sub", "back")} for lang in SIDE_BY_SIDE}
    return HTMLResponse(drawn("failed.html.jinja", said), 500)


def application(portal: Portal) -> ASGIApp:
    """The portal's routes, within its limits and headers."""
    routes = access.Routes(portal)
    for pages in PAGES:
        pages.add_to(routes)
    log_in = Route("/login", partial(access.log_in_page, portal), methods=["GET", "POST"])
    pull = Route("/pull", partial(reader.pull, portal), methods=["GET"])
    elsewhere = Route("/{path:path}", routes.anything_else, methods=["GET", "POST"])
    app = Starlette(
        exception_handlers={Exception: failed},
        routes=[log_in, pull, *routes.made, Mount("/static", StaticFiles(directory=STATIC)), elsewhere],
    )
    return Headers(Limits(app, UPLOADS, UPLOAD_BYTES), tls=portal.tls)
