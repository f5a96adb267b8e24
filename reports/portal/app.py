"""The portal as one ASGI application on one home.

Belongs here: the routes of all roles put together, within limits and headers. Does not: the pages of a role, serving it
(pipelines/portal_commands.py).
"""

from __future__ import annotations

from functools import partial

from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from reports.portal import access, front, own, reader, steward
from reports.portal.answers import STATIC, Headers, Limits
from reports.portal.shared import Portal

UPLOADS = (own.CHECK, own.SEND)
PAGES = (front, steward, own, reader)
UPLOAD_BYTES = 32 * 1024 * 1024


def application(portal: Portal) -> ASGIApp:
    """The portal's routes, within its limits and headers."""
    routes = access.Routes(portal)
    for pages in PAGES:
        pages.add_to(routes)
    log_in = Route("/login", partial(access.log_in_page, portal), methods=["GET", "POST"])
    pull = Route("/pull", partial(reader.pull, portal), methods=["GET"])
    elsewhere = Route("/{path:path}", routes.anything_else, methods=["GET", "POST"])
    app = Starlette(routes=[log_in, pull, *routes.made, Mount("/static", StaticFiles(directory=STATIC)), elsewhere])
    return Headers(Limits(app, UPLOADS, UPLOAD_BYTES), tls=portal.tls)
