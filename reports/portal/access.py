"""Who is there: log-in, sessions, roles, and the same 404 for what is not there and what is not theirs.

Belongs here: the way from a request to a person, and what is asked of a change (where it comes from, its token). Does
not: what the ledger keeps of people (assets/ledger/people.py), the pages.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from assets.intake.mail.headers import clean_text
from assets.ledger import audit, people
from assets.ledger.people import Person
from expectations.language import DEFAULT, codes, language
from reports.portal.answers import LANGUAGE_COOKIE, drawn
from reports.portal.passwords import WAIT_SECONDS, is_right, verifying
from reports.portal.shared import Portal
from reports.portal.words import Words

LOGIN, LOG_OUT = "/login", "/logout"
NOBODY = Person(0, "", "", ())
LONGEST_TEXT = 500  # characters of what a person writes: a reason, a remark, an explanation
MOST_FIELDS = 5_000  # of a form: a batch of findings
MOST_DIGITS = 9  # of the number of a row
LONGEST_QUERY = 2_000  # characters of the address of a page that is kept: ours are shorter
UNREADABLE = 400  # with which a form that cannot be read is answered
SAME = ("same-origin", "none")
TRY_AGAIN_SECONDS = int(people.TRIES_WITHIN.total_seconds())


class NotThere(LookupError):
    """What was asked for does not exist, or is out of scope: nobody is told which.

    `words` say so of what a page had and what may be gone since.
    """

    def __init__(self, words: str = "") -> None:
        super().__init__(words)
        self.words = words


class NothingYet(Exception):
    """There is nothing for the person to see yet, and nothing was asked for that could be elsewhere."""


class Refused(Exception):
    """A change that cannot be made; the words are for the person, `status` for the browser."""

    def __init__(self, words: str, status: int = 422) -> None:
        super().__init__(words)
        self.words, self.status = words, status


@dataclass(frozen=True)
class Visit:
    """One request: who, in which language, and what was sent."""

    portal: Portal
    request: Request
    who: Person
    lang: str
    form: FormData = field(default_factory=FormData)

    @property
    def words(self) -> Words:
        """The words of the visitor's language."""
        return self.portal.words(self.lang)

    @property
    def now(self) -> datetime:
        """The server's clock."""
        return datetime.now(UTC)

    @property
    def address(self) -> str:
        """Where the request comes from."""
        return self.request.client.host if self.request.client else ""

    def asked(self, name: str, default: str = "") -> str:
        """A value of the address, at most 200 characters, none of them for control."""
        return clean_text(str(self.request.query_params.get(name, default))[:200])

    def sent(self, name: str) -> str:
        """A text of the form that was sent, on one line and without characters for control, which a database may not
        take and nobody sees; "" where there is none.
        """
        value = self.form.get(name, "")
        return clean_text(value) if isinstance(value, str) else ""

    def written(self, name: str) -> str:
        """What the person wrote into the form, as much as its fields take."""
        return self.sent(name)[:LONGEST_TEXT]

    def number(self, name: str) -> int:
        """The number of a row that the form names. Raises NotThere for what is none, or longer than any there is."""
        return _row_number(self.sent(name))

    def number_of_path(self, name: str) -> int:
        """The number of a row that the address names. Raises NotThere as `number` does."""
        return _row_number(str(self.request.path_params[name]))

    def told(self, act: str, what: str = "", outcome: str = "done") -> None:
        """Append a line to the audit log."""
        what = clean_text(what)[:500]
        audit.note(self.portal.ledger, self.who.name, act, what, outcome=outcome, address=self.address, now=self.now)

    def page(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page in the frame that all have."""
        query = [(k, v) for k, v in self.request.query_params.multi_items() if k != "lang"]
        looks = self.request.method in ("GET", "HEAD")  # of both comes one page, which may be kept
        others = [language(code) for code in codes() if code != self.lang and looks]
        frame = {
            "w": self.words,
            "say": self.words.say,
            "who": self.who,
            "path": self.request.url.path,
            "other_languages": [("?" + urlencode([*query, ("lang", other.code)]), other) for other in others],
            "settings": self.portal.settings,
            "software": self.portal.software,
            "as_of": self.portal.last_run,
            "origin": f"{self.request.url.scheme}://{self.request.url.netloc}",
        }
        return HTMLResponse(drawn(template, frame | values), status)

    def kept(self, rests_on: Hashable, draw: Callable[[Visit], Response]) -> Response:
        """The page that `draw` makes of this visit, drawn once for all who have the same granted and ask for the same.

        `rests_on`: the state of all that it shows beside its address; of the person it may show the name alone.
        """
        url = self.request.url
        if len(url.query) > LONGEST_QUERY:
            return draw(self)
        key = (rests_on, url.scheme, url.netloc, url.path, url.query, self.lang, self.who.grants)
        body = self.portal.pages.page(key, self.who, lambda who: bytes(draw(replace(self, who=who)).body))
        return HTMLResponse(body)


def _row_number(value: str) -> int:
    if not value.isdecimal() or len(value) > MOST_DIGITS:
        raise NotThere
    return int(value)


Handler = Callable[[Visit], Response]


def language_of(request: Request) -> str:
    """The language that was asked for now, or before; Chinese where neither."""
    for asked in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if asked in codes():
            return asked
    return DEFAULT


def keep_language(visit: Visit, response: Response) -> Response:
    """The response, with which the browser keeps the language where one was asked for."""
    if visit.asked("lang") in codes():
        response.set_cookie(LANGUAGE_COOKIE, visit.lang, **visit.portal.of_cookies)
    return response


def own_path(target: str) -> str:
    """A path of this portal to go on to; "/" for whatever leads elsewhere."""
    parts = urlsplit(target)
    plain = target.startswith("/") and not target.startswith("//") and "\\" not in target and target.isprintable()
    return target if plain and not parts.scheme and not parts.netloc else "/"


def missing(visit: Visit, words: str = "") -> Response:
    """The answer to what is not there, the same byte for byte to what is not theirs. The audit has what was asked."""
    visit.told("refused", f"{visit.request.method} {visit.request.url.path}", "refused")
    nothing = visit.request.method == "HEAD"
    page = visit.page("missing.html.jinja", 404, other_languages=[], path="", told=words)
    return Response(status_code=404) if nothing else page


def _not_read(visit: Visit, why: str) -> Response:
    """The answer to a form that could not be read: it has too many files or fields, or is none."""
    say, files = visit.words.say, visit.portal.most_files
    told = say("refused.many_files", n=files) if why.startswith("Too many files") else say("refused.unreadable")
    return visit.page("refused.html.jinja", UNREADABLE, told=told)


def expired(visit: Visit) -> Response:
    """The answer to a form whose sender is logged in no longer: the same for all paths. What was entered stays in the
    page before this one, for who logs in meanwhile.
    """
    return visit.page("expired.html.jinja", 401, other_languages=[], path="")


def comes_from_here(visit: Visit) -> bool:
    """Whether a change was sent by one of our own pages: by the browser's word, and by the session's token."""
    told = visit.request.headers.get("sec-fetch-site", SAME[0])
    return told in SAME and hmac.compare_digest(visit.sent("csrf").encode(), visit.who.csrf.encode())


def holder_of(portal: Portal, request: Request, now: datetime) -> tuple[Person | None, str]:
    """In whose name a program comes, by the token that it sends, and the scope of that; None without one that holds."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return people.holder_of(portal.ledger, token.strip(), now) if kind.lower() == "bearer" else (None, "")


class Routes:
    """Makes routes of handlers: each asks who is there, whether one of its roles is theirs, and where a change comes
    from, before its handler, which may block, is called in a thread.
    """

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.made: list[Route] = []

    def add(self, path: str, handler: Handler, *roles: str, method: str = "GET") -> None:
        """A route for people with any of the roles; without roles, for everyone who is logged in."""

        async def call(request: Request) -> Response:
            return await self.answer(request, handler, roles)

        self.made.append(Route(path, call, methods=[method]))

    async def answer(self, request: Request, handler: Handler, roles: tuple[str, ...]) -> Response:
        """The answer to a request."""
        if request.method != "POST":
            return await run_in_threadpool(self._looked_at, request, handler, roles)
        who = await run_in_threadpool(self.portal.who_is, request)
        if who is None and request.url.path == LOG_OUT:
            return self._to_log_in(request)
        if who is None:
            async for _ in request.stream():  # a browser that is still sending would not read the answer
                pass
            return await run_in_threadpool(expired, Visit(self.portal, request, NOBODY, language_of(request)))
        visit = Visit(self.portal, request, who, language_of(request))
        try:
            form = await request.form(max_files=self.portal.most_files, max_fields=MOST_FIELDS)
        except HTTPException as unread:
            if unread.status_code != UNREADABLE:
                raise
            return await run_in_threadpool(_not_read, visit, unread.detail)
        visit = replace(visit, form=form)
        try:
            response = await run_in_threadpool(self._handled, visit, handler, roles)
        finally:
            await form.close()
        return keep_language(visit, response)

    def _looked_at(self, request: Request, handler: Handler, roles: tuple[str, ...]) -> Response:
        """The answer to a request that sends nothing, in one thread from its session to its page."""
        who = self.portal.who_is(request)
        if who is None:
            return self._to_log_in(request)
        visit = Visit(self.portal, request, who, language_of(request))
        return keep_language(visit, self._handled(visit, handler, roles))

    def _handled(self, visit: Visit, handler: Handler, roles: tuple[str, ...]) -> Response:
        if roles and not set(roles) & set(visit.who.roles):
            return missing(visit)
        if visit.request.method == "POST" and not comes_from_here(visit):
            visit.told("refused", f"POST {visit.request.url.path} of another page", "refused")
            return visit.page("refused.html.jinja", 403, told=visit.words.say("refused.forged"))
        try:
            return handler(visit)
        except NotThere as nothing:
            return missing(visit, nothing.words)
        except NothingYet:
            return visit.page("empty.html.jinja")
        except Refused as refused:
            return visit.page("refused.html.jinja", refused.status, told=refused.words)

    def _to_log_in(self, request: Request) -> Response:
        """To the log-in, for whatever was asked: nobody learns which paths there are."""
        asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        query = urlencode({"next": asked}) if request.method == "GET" and asked != "/" else ""
        return RedirectResponse(LOGIN + (f"?{query}" if query else ""), 303)

    async def anything_else(self, request: Request) -> Response:
        """The answer to a path that is none."""

        def nothing(visit: Visit) -> Response:
            raise NotThere

        return await self.answer(request, nothing, ())


# ---------------------------------------------------------------------------------------------------------- log-in
async def log_in_page(portal: Portal, request: Request) -> Response:
    """The page to log in on, and the log-in itself."""
    lang = language_of(request)
    form = await request.form(max_files=0, max_fields=10) if request.method == "POST" else FormData()
    visit = Visit(portal, request, NOBODY, lang, form)
    if request.method == "POST":
        return await run_in_threadpool(_log_in, visit)
    is_over = portal.cookie in request.cookies and await run_in_threadpool(portal.who_is, request) is None
    told = visit.words.say("login.over") if is_over else ""
    return keep_language(visit, log_in_form(visit, own_path(visit.asked("next", "/")), told))


def log_in_form(visit: Visit, to: str, told: str = "", status: int = 200) -> Response:
    """The page to log in on, which leads on `to`; `told`: why nobody is logged in yet."""
    is_in_elsewhere = visit.portal.out_cookie in visit.request.cookies
    name = visit.sent("name")[:64]
    return visit.page("login.html.jinja", status, to=to, told=told, name=name, is_in_elsewhere=is_in_elsewhere)


def too_often(visit: Visit, to: str) -> Response:
    """The page to log in on for who has failed too often, with when to try again."""
    page = log_in_form(visit, to, visit.words.say("login.too_often"), 429)
    page.headers["retry-after"] = str(TRY_AGAIN_SECONDS)
    return page


def _log_in(visit: Visit) -> Response:
    portal, name, now = visit.portal, visit.sent("name")[:64], visit.now
    to = own_path(visit.sent("next") or "/")
    if visit.request.headers.get("sec-fetch-site", SAME[0]) not in SAME:
        return log_in_form(visit, "/", visit.words.say("refused.forged"), 403)
    if not verifying.acquire(timeout=WAIT_SECONDS):
        return log_in_form(visit, to, visit.words.say("login.busy"), 503)
    try:
        if not people.may_try(portal.reader, name, visit.address, now):
            return too_often(visit, to)
        password = visit.form.get("password", "")
        secret = people.secret_of(portal.reader, name)
        if not is_right(secret, password if isinstance(password, str) else ""):
            people.fail(portal.ledger, name, visit.address, now)
            return log_in_form(visit, to, visit.words.say("login.wrong"), 401)
    finally:
        verifying.release()
    token = people.log_in(portal.ledger, name, visit.address, now, visit.request.cookies.get(portal.cookie, ""))
    response = RedirectResponse(to, 303)
    portal.set_session(response, token)
    return response


def log_out(visit: Visit) -> Response:
    """End the session."""
    people.log_out(visit.portal.ledger, visit.who, visit.address, visit.now)
    response = RedirectResponse(LOGIN, 303)
    visit.portal.end_session(response)
    return response
