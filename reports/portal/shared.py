"""What all visits to the portal of one home share: the ledger, the settings, the catalogue, the words.

Belongs here: opening them once. Does not: a visit (access.py), the routes (app.py).
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal, TypedDict

from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from assets.instance.clock import last_run
from assets.instance.closed_months import register_of, seen_of_register
from assets.instance.home import Home
from assets.instance.register import Register
from assets.instance.settings import Settings, load_settings
from assets.instance.software import installed_version
from assets.ledger import people
from assets.ledger.decisions import log_mark
from assets.ledger.opening import open_ledger, open_reader
from assets.ledger.people import Person
from expectations.catalogue import Catalogue, load_catalogue
from expectations.language import codes
from reports.portal.deciding import Decider, Log, log_of
from reports.portal.kept import KeptPages
from reports.portal.reading import Stamp, carriers
from reports.portal.words import Words
from reports.publishing.versions import latest_version

MOST_FILES = 10  # of one upload


class OfCookies(TypedDict):
    """What all our cookies have in common: none for scripts, none for other sites."""

    path: str
    httponly: bool
    samesite: Literal["lax"]
    secure: bool


class Portal:
    """What all visits to one home share."""

    most_files = MOST_FILES

    def __init__(
        self, home: Home, ledger: Engine, reader: Engine, *, tls: bool, decider: Decider | None = None
    ) -> None:
        self.home, self.ledger, self.reader, self.tls, self.decider = home, ledger, reader, tls, decider
        self.settings: Settings = load_settings(home.register / "settings.yaml")
        self.catalogue: Catalogue = load_catalogue(home.register)
        self.zone = self.settings.zone
        self.software = installed_version()
        # By this prefix browsers take no such cookie from another host, nor without TLS.
        self.cookie, self.oidc_cookie = ("__Host-sixth", "__Host-sixth-oidc") if tls else ("sixth", "sixth-oidc")
        self.oidc_secret = os.environ.get(self.settings.portal.client_secret_env, "")
        self.of_cookies: OfCookies = {"path": "/", "httponly": True, "samesite": "lax", "secure": tls}
        # Of the way out of single sign-on, for the pages of the log-in alone.
        self.out_cookie = "__Secure-sixth-out" if tls else "sixth-out"
        self.of_out_cookie: OfCookies = {**self.of_cookies, "path": "/login"}
        self.pages = KeptPages()
        self._register: tuple[Hashable, Register] | None = None
        self._log: tuple[Hashable, Log] | None = None
        self._words = {lang: Words(lang, self.catalogue, self.zone) for lang in codes()}

    def words(self, lang: str) -> Words:
        """The words of a language."""
        return self._words[lang]

    @property
    def names(self) -> dict[str, str]:
        """What every code of the register is called."""
        return {unit.code: unit.name for unit in self.register.units}

    @property
    def register(self) -> Register:
        """Today's register, with the closed months by theirs; read again where a file of it is another."""
        seen, kept = seen_of_register(self.home), self._register
        if kept is None or kept[0] != seen:
            kept = self._register = seen, register_of(self.home)
        return kept[1]  # not what is kept by now: another thread may have put an older one there

    def log(self) -> Log:
        """The log of decisions as it stands; read again where it has grown, as nothing in it ever changes."""
        mark, kept = log_mark(self.reader), self._log
        if kept is None or kept[0] != mark:
            kept = self._log = mark, log_of(self.reader, datetime.now(UTC))
        return kept[1]  # as in `register`

    @property
    def last_run(self) -> datetime | None:
        """The clock of the home's last run."""
        return last_run(self.home)

    @property
    def months(self) -> tuple[tuple[str, str], ...]:
        """The months that have a snapshot, the latest first, each with the version of the carrier's report that stands;
        "" where there is none.
        """
        return self._months_of(carriers(self.home.portal))

    def _months_of(self, found: Mapping[str, tuple[Stamp, str]]) -> tuple[tuple[str, str], ...]:
        return tuple(
            (period, latest_version(self.home.published / period / carrier) or "")
            for period, (_, carrier) in found.items()
        )

    def state(self) -> tuple[Hashable, ...]:
        """What pages of snapshots and decisions rest on: it changes when a run has written, or a steward decided."""
        found = carriers(self.home.portal)
        files = tuple(stamp for stamp, _ in found.values())
        return files, self._months_of(found), self.last_run, log_mark(self.reader)

    def who_is(self, request: Request) -> Person | None:
        """The person of a request's session; None where there is none, or it is over."""
        token, now = request.cookies.get(self.cookie, ""), datetime.now(UTC)
        if not token:
            return None
        person, to_mark = people.who_is(self.reader, token, now)
        if person and to_mark:
            people.seen(self.ledger, person, now)
        return person

    def set_session(self, response: Response, token: str) -> None:
        """Give the browser its session: not for scripts, not for other sites, gone with the session."""
        response.set_cookie(self.cookie, token, max_age=int(people.WHOLE.total_seconds()), **self.of_cookies)

    def end_session(self, response: Response) -> None:
        """Take the session from the browser."""
        response.delete_cookie(self.cookie, **self.of_cookies)


@contextmanager
def opened(home: Home, *, tls: bool = False, decider: Decider | None = None) -> Iterator[Portal]:
    """The portal of a home, its ledger open twice: for reading, which never waits, and for writing. Without a
    `decider` nothing can be decided.
    """
    settings = load_settings(home.register / "settings.yaml")
    with (
        open_ledger(home.warehouse, settings.ledger_url) as ledger,
        open_reader(home.warehouse, settings.ledger_url) as reader,
    ):
        yield Portal(home, ledger, reader, tls=tls, decider=decider)
