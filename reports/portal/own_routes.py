"""The routes of a unit's pages, whose module is read when one is first asked for.

Belongs here: paths. Does not: the pages (own.py), which take the libraries of workbooks and of the warehouse, some
50 MB that a process has no use for which nobody sends a return.
"""

from __future__ import annotations

from importlib import import_module

from starlette.responses import Response

from reports.portal.access import Handler, Routes, Visit

ROLE = "unit"
CHECK, SEND, EXPLAIN, BLANK = "/own/check", "/own/send", "/own/explain", "/own/blank"


def add_to(routes: Routes) -> None:
    """Add the routes."""
    routes.add("/own", _later("own"), ROLE)
    routes.add(BLANK, _later("blank"), ROLE)
    routes.add("/own/{period}/{unit}/{file}", _later("answer"), ROLE)
    routes.add(EXPLAIN, _later("explain"), ROLE, method="POST")
    routes.add(CHECK, _later("check_before"), ROLE, method="POST")
    routes.add(SEND, _later("send"), ROLE, method="POST")


def _later(name: str) -> Handler:
    def handled(visit: Visit) -> Response:
        response: Response = getattr(import_module("reports.portal.own"), name)(visit)
        return response

    return handled
