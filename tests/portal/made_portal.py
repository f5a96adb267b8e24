"""A portal to ask: a home with the sample's register, a person for every role, and a client that logs in.

Belongs here: making them. Does not: asserting.
"""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import uvicorn
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from assets.instance.home import Home
from assets.ledger import people
from reports.portal.app import application
from reports.portal.deciding import Decider
from reports.portal.passwords import hashed
from reports.portal.shared import Portal, opened

SAMPLE = Path(__file__).parents[2] / "pipelines" / "sample"
PASSWORD = "correct horse battery"
CARRIER, PROVINCE, OTHER_PROVINCE, OFFICE = "EX", "EX-15", "EX-16", "EX-15-01"
UNIT, OTHER_UNIT = "EX-15-01-003", "EX-16-01-001"
PEOPLE = {
    "steward": ("steward", CARRIER),
    "provincial": ("steward", PROVINCE),
    "reader": ("reader", CARRIER),
    "provincial_reader": ("reader", PROVINCE),
    "office": ("office", OFFICE),
    "unit": ("unit", UNIT),
    "other_unit": ("unit", OTHER_UNIT),
    "admin": ("admin", ""),
}
CSRF = re.compile(r'name="csrf" value="([^"]+)')


@cache
def secret() -> str:
    """The hash of the one password."""
    return hashed(PASSWORD)


def home_of(root: Path) -> Home:
    """A home in which no run has been."""
    shutil.copytree(SAMPLE / "register", root / "register")
    return Home(root)


@contextmanager
def portal_of(home: Home, *, tls: bool = False, decider: Decider | None = None) -> Iterator[Portal]:
    """The portal of a home, open, with PEOPLE in it; each logs in by the name of the key."""
    with opened(home, tls=tls, decider=decider) as portal:
        now, there = datetime.now(UTC), {user.name for user, _ in people.users(portal.ledger)}
        for name, (role, scope) in PEOPLE.items():
            if name not in there:
                people.add_user(portal.ledger, name, name.title(), secret(), "tests", now)
                people.grant(portal.ledger, name, role, scope, "tests", now)
        yield portal


def session_of(portal: Portal, name: str) -> str:
    """A session without the form: the password takes a third of a second."""
    return people.log_in(portal.ledger, name, "10.0.0.1", datetime.now(UTC))


@contextmanager
def on_a_port(app: ASGIApp) -> Iterator[str]:
    """An application on a port of this machine until the block is over; its URL."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def served(portal: Portal) -> AbstractContextManager[str]:
    """The portal on a port of this machine; its URL."""
    return on_a_port(application(portal))


class Browser:
    """Somebody at a browser: follows nothing by itself."""

    def __init__(self, portal: Portal, name: str = "", address: str = "10.0.0.1") -> None:
        self.portal, self.name = portal, name
        base = "https://testserver" if portal.tls else "http://testserver"
        self.client = TestClient(application(portal), base, follow_redirects=False, client=(address, 50_000))
        if name:
            self.enter(name)

    def enter(self, name: str) -> None:
        """Come with a session."""
        token = session_of(self.portal, name)
        self.client.cookies.set(self.portal.cookie, token, domain="testserver.local", path="/")

    def get(self, path: str, **options: Any) -> Any:
        return self.client.get(path, **options)

    def token(self, path: str = "/account") -> str:
        """The session's CSRF token, off a page."""
        found = CSRF.search(self.get(path).text)
        return found[1] if found else ""

    def post(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> Any:
        """Send a form of our own."""
        return self.client.post(path, data={"csrf": self.token(), **(data or {})}, **options)


def logged_in(page: Any, name: str) -> Any:
    """A page of a browser on which somebody has logged in by the form."""
    page.goto("/login")
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("main button")
    return page
