"""Single sign-on: a person who has logged in at the house's OpenID provider is let in as the user of that name.

OpenID Connect Core 1.0, 3.1 (code flow), with PKCE (RFC 7636) and the issuer in the answer (RFC 9207) where the
provider sends it; log-out there by RP-Initiated Logout 1.0. Belongs here: asking the provider, judging its word, and
the session that follows. Does not: users, whom `sixth user add` makes alone; the page to log in on (access.py).

What was asked is booked in the ledger (state, nonce, verifier) for the one browser that has the cookie of it, and comes
back once. Authlib makes the requests and checks the claims, joserfc (Authlib's own) the signature, by the public keys
of the provider: a token signed with a shared secret, or not at all, is none.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from assets.instance.settings import SAFE_ADDRESS, PortalSettings
from assets.ledger import people
from assets.ledger.people import Begun
from reports.portal.access import LOGIN, NOBODY, Visit, keep_language, language_of, log_in_form, own_path, too_often
from reports.portal.shared import Portal

if TYPE_CHECKING:
    from authlib.integrations.requests_client import OAuth2Session
    from joserfc.jwk import KeySet

BEGIN, BACK, OUT = "/login/oidc", "/login/oidc/back", "/login/oidc/out"
DISCOVERY = "/.well-known/openid-configuration"
SCOPE = "openid profile email"
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")  # with public keys
SECONDS = 10.0  # that the provider may take for one answer
AGAIN_SECONDS = 10.0  # after which it is asked again: its keys where one is not among them, or all where it was away
AT_ONCE = 4  # who may wait for its answer: a provider that hangs must not take all threads
WAIT_SECONDS = 2.0  # for a turn
KEPT_SECONDS = 3600.0  # that we go by what it said of itself
LEEWAY_SECONDS = 60  # between its clock and ours
LONGEST_HINT = 3500  # characters of an ID token that a cookie holds
NO_HINT = "-"


class NotVouchedFor(Exception):
    """The provider does not vouch for anybody. `why` is away, refused, or wrong: its word is not to be believed; `what`
    is told to the audit, "" where that has been told of it already.
    """

    def __init__(self, why: str, what: str) -> None:
        super().__init__(what)
        self.why, self.what = why, what


@dataclass(frozen=True, slots=True)
class Known:
    """What the provider says of itself, its public keys, and when that was."""

    document: Mapping[str, Any]
    keys: Mapping[str, Any]
    at: float


class Provider:
    """The provider of the settings; `secret` is the portal's own there."""

    def __init__(self, settings: PortalSettings, secret: str) -> None:
        self.settings, self.secret = settings, secret
        self._known: Known | None = None
        self._away_at: float | None = None
        self._turns = threading.Semaphore(AT_ONCE)
        # Said with each request: of a session REQUESTS_CA_BUNDLE would go before the settings.
        self._way: dict[str, Any] = {"timeout": SECONDS, "allow_redirects": False}
        if settings.ca_file:
            self._way["verify"] = settings.ca_file

    def address(self, back: str, state: str, begun: Begun) -> str:
        """Where to send a browser, which comes back to `back`. Raises NotVouchedFor."""
        with self._turn():
            endpoint = self._known_by(KEPT_SECONDS).document["authorization_endpoint"]
        more = {"nonce": begun.nonce, "code_verifier": begun.verifier}
        address, _ = self._session(back).create_authorization_url(endpoint, state=state, **more)
        return str(address)

    def person_of(self, back: str, code: str, begun: Begun) -> tuple[str, str]:
        """The name of the person for whom the provider vouches by a code, and its ID token. Raises NotVouchedFor."""
        with self._turn():
            return self._person_of(back, code, begun)

    @property
    def has_way_out(self) -> bool:
        """Whether it said, when it was last asked of itself, where to log out there."""
        return self._known is not None and _end_of(self._known) != ""

    def way_out(self, back: str, hint: str) -> str:
        """Where to send a browser to log out at the provider, which sends it `back`; "" where it cannot be done there.
        `hint`: the ID token of its log-in, "" where that is not known. Raises NotVouchedFor.
        """
        with self._turn():
            endpoint = _end_of(self._known_by(KEPT_SECONDS))
        if not endpoint:
            return ""
        told = {"client_id": self.settings.client_id, "post_logout_redirect_uri": back}
        query = urlencode(told | ({"id_token_hint": hint} if hint else {}))
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(timeout=WAIT_SECONDS):
            raise NotVouchedFor("away", "")
        try:
            yield
        finally:
            self._turns.release()

    def _person_of(self, back: str, code: str, begun: Begun) -> tuple[str, str]:
        from authlib.common.errors import AuthlibBaseError  # noqa: PLC0415 - an extra, where the settings want it
        from requests import RequestException  # noqa: PLC0415

        session = self._session(back)
        document = self._known_by(KEPT_SECONDS).document
        try:
            token = session.fetch_token(
                document["token_endpoint"], code=code, code_verifier=begun.verifier, **self._way
            )
        except AuthlibBaseError as error:
            raise NotVouchedFor("refused", f"the provider gave no token: {error.error}") from error
        except (RequestException, ValueError) as error:
            raise NotVouchedFor("away", f"the provider did not answer: {type(error).__name__}") from error
        claims = self._claims(token, begun.nonce)
        found = claims.get(self.settings.claim)
        if found is None and document.get("userinfo_endpoint") is not None:
            said = self._json(partial(session.get, **self._way), document["userinfo_endpoint"])
            if said.get("sub") != claims["sub"]:
                raise NotVouchedFor("wrong", "userinfo is of another subject")
            claims = said
            found = said.get(self.settings.claim)
        if not isinstance(found, str) or not found:
            raise NotVouchedFor("wrong", f"the provider says no {self.settings.claim}")
        # Some providers write "true" and "false" as text; many say nothing of it.
        if self.settings.claim == "email" and claims.get("email_verified", True) not in (True, "true"):
            raise NotVouchedFor("wrong", "the provider has not verified the email")
        return found, str(token["id_token"])

    def _claims(self, token: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        """What an ID token says, its signature and its claims checked. Raises NotVouchedFor."""
        from authlib.oidc.core import CodeIDToken  # noqa: PLC0415
        from joserfc.errors import JoseError  # noqa: PLC0415

        wanted = {
            "iss": {"essential": True, "value": self.settings.issuer},
            "aud": {"essential": True, "value": self.settings.client_id},
        }
        more = {"nonce": nonce, "client_id": self.settings.client_id, "access_token": token.get("access_token")}
        try:
            header, said = self._opened(str(token.get("id_token", "")))
            claims = CodeIDToken(said, header, wanted, more)
            claims.validate(leeway=LEEWAY_SECONDS)
        except (JoseError, ValueError, TypeError) as error:
            raise NotVouchedFor("wrong", f"the ID token is not to be believed: {error}") from error
        return dict(claims)

    def _opened(self, text: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Header and claims of a token that one of the provider's keys has signed; its keys are read again where it may
        have changed them.
        """
        from joserfc import jwt  # noqa: PLC0415
        from joserfc.errors import JoseError  # noqa: PLC0415

        for oldest in (KEPT_SECONDS, AGAIN_SECONDS):
            keys = keys_of(self._known_by(oldest).keys)
            try:
                token = jwt.decode(text, keys, algorithms=ALGORITHMS)
            except (JoseError, ValueError):
                if oldest == AGAIN_SECONDS:
                    raise
            else:
                return dict(token.header), dict(token.claims)
        raise AssertionError

    def _known_by(self, oldest: float) -> Known:
        """What the provider says of itself, no older than so many seconds. Raises NotVouchedFor."""
        known = self._known
        if known is not None and time.monotonic() - known.at < oldest:
            return known
        if self._away_at is not None and time.monotonic() - self._away_at < AGAIN_SECONDS:
            raise NotVouchedFor("away", "")
        try:
            self._known = self._asked()
        except NotVouchedFor as nobody:
            if nobody.why == "away":
                self._away_at = time.monotonic()
            raise
        return self._known

    def _asked(self) -> Known:
        get = partial(self._session("").get, withhold_token=True, **self._way)
        document = self._json(get, self.settings.issuer.rstrip("/") + DISCOVERY)
        if document.get("issuer") != self.settings.issuer:
            raise NotVouchedFor("wrong", f"the provider calls itself {document.get('issuer')!r}")
        optional = [name for name in ("userinfo_endpoint",) if document.get(name) is not None]
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", *optional):
            if not SAFE_ADDRESS.fullmatch(str(document.get(name, "")).partition("?")[0]):
                raise NotVouchedFor("wrong", f"the provider has no safe {name}")
        return Known(document, self._json(get, document["jwks_uri"]), time.monotonic())

    def _json(self, get: Callable[..., Any], address: str) -> dict[str, Any]:
        from authlib.common.errors import AuthlibBaseError  # noqa: PLC0415
        from requests import RequestException  # noqa: PLC0415

        try:
            answer = get(address)
            answer.raise_for_status()
            content = answer.json()
        except (RequestException, AuthlibBaseError, ValueError) as error:
            raise NotVouchedFor("away", f"the provider did not answer: {type(error).__name__}") from error
        if not isinstance(content, dict):
            raise NotVouchedFor("away", "the provider did not answer with an object")
        return content

    def _session(self, back: str) -> OAuth2Session:
        from authlib.integrations.requests_client import OAuth2Session  # noqa: PLC0415

        return OAuth2Session(
            self.settings.client_id,
            self.secret or None,
            scope=SCOPE,
            redirect_uri=back,
            code_challenge_method="S256",
        )


def _end_of(known: Known) -> str:
    """Where a provider says that sessions with it end; "" where it says nothing, or no safe address."""
    endpoint = str(known.document.get("end_session_endpoint") or "")
    return endpoint if SAFE_ADDRESS.fullmatch(endpoint.partition("?")[0]) else ""


def keys_of(document: Mapping[str, Any]) -> KeySet:
    """The keys of a provider's document (RFC 7517, 5) but those that cannot be used here: of a curve or kind that is
    unknown, or broken. They keep nobody from logging in by another.
    """
    from joserfc.errors import JoseError  # noqa: PLC0415
    from joserfc.jwk import JWKRegistry, KeySet  # noqa: PLC0415

    shown, keys = document.get("keys"), []
    for data in shown if isinstance(shown, list) else []:
        with suppress(JoseError, ValueError, TypeError, KeyError):
            keys.append(JWKRegistry.import_key(data))
    return KeySet(keys)


@lru_cache(maxsize=4)
def provider_of(settings: PortalSettings, secret: str) -> Provider:
    """The provider of the settings, which is asked of itself once an hour."""
    return Provider(settings, secret)


def routes(portal: Portal) -> list[Route]:
    """The routes, which are there where the settings name a provider."""
    if not portal.settings.portal.issuer:
        return []
    return [
        Route(BEGIN, partial(_called, portal, _begin), methods=["GET"]),
        Route(BACK, partial(_called, portal, _come_back), methods=["GET"]),
        Route(OUT, partial(_called, portal, _go_out), methods=["GET"]),
    ]


async def _called(portal: Portal, handler: Callable[[Visit], Response], request: Request) -> Response:
    visit = Visit(portal, request, NOBODY, language_of(request))
    return keep_language(visit, await run_in_threadpool(handler, visit))


def _begin(visit: Visit) -> Response:
    """Send the browser to the provider."""
    portal, to = visit.portal, own_path(visit.asked("next", "/"))
    if not people.may_try_elsewhere(portal.reader, visit.address, visit.now):
        return too_often(visit, to)
    begun = Begun(secrets.token_urlsafe(32), secrets.token_urlsafe(48), to)
    state, browser = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    try:
        address = provider_of(portal.settings.portal, portal.oidc_secret).address(_back(visit), state, begun)
    except NotVouchedFor as nobody:
        return _refused(visit, nobody.why, nobody.what, to)
    people.begin_elsewhere(portal.ledger, state, browser, begun, visit.now)
    response = RedirectResponse(address, 303)
    lasts = int(people.ELSEWHERE.total_seconds())
    response.set_cookie(portal.oidc_cookie, browser, max_age=lasts, **portal.of_cookies)
    return response


def _back(visit: Visit) -> str:
    """Where the provider sends the browser back to, as it is registered there."""
    return _address(visit, BACK)


def _address(visit: Visit, path: str) -> str:
    return f"{visit.request.url.scheme}://{visit.request.url.netloc}{path}"


def _come_back(visit: Visit) -> Response:
    """The browser with the provider's answer: a session for the user of that name, or words why there is none."""
    portal, query = visit.portal, visit.request.query_params
    if not people.may_try_elsewhere(portal.reader, visit.address, visit.now):
        return too_often(visit, "/")
    browser = visit.request.cookies.get(portal.oidc_cookie, "")
    begun = people.come_back(portal.ledger, query.get("state", ""), browser, visit.now)
    if begun is None:
        return _refused(visit, "over", "the state is unknown, over, or another browser's")
    if query.get("iss", portal.settings.portal.issuer) != portal.settings.portal.issuer:
        return _refused(visit, "wrong", "the answer is of another issuer", begun.going_to)
    if "code" not in query:
        return _refused(visit, "refused", f"the provider refused: {query.get('error', '')[:60]}", begun.going_to)
    try:
        provider = provider_of(portal.settings.portal, portal.oidc_secret)
        name, id_token = provider.person_of(_back(visit), query["code"], begun)
    except NotVouchedFor as nobody:
        return _refused(visit, nobody.why, nobody.what, begun.going_to)
    if people.secret_of(portal.reader, name) is None:
        return _refused(visit, "unknown", "there is no such user", begun.going_to, name[:64])
    before = visit.request.cookies.get(portal.cookie, "")
    token = people.log_in(portal.ledger, name, visit.address, visit.now, before, by="single sign-on")
    response = RedirectResponse(begun.going_to, 303)
    response.delete_cookie(portal.oidc_cookie, **portal.of_cookies)
    portal.set_session(response, token)
    if provider.has_way_out:
        hint = id_token if len(id_token) <= LONGEST_HINT else NO_HINT
        response.set_cookie(portal.out_cookie, hint, max_age=int(people.WHOLE.total_seconds()), **portal.of_out_cookie)
    return response


def _go_out(visit: Visit) -> Response:
    """Send a browser whose session here is over to log out at the provider, too. That takes a link of its own: a form
    may lead nowhere but here (answers.POLICY), so the log-out itself cannot go on to there.
    """
    portal = visit.portal
    hint = visit.request.cookies.get(portal.out_cookie, NO_HINT)
    try:
        provider = provider_of(portal.settings.portal, portal.oidc_secret)
        address = provider.way_out(_address(visit, LOGIN), "" if hint == NO_HINT else hint)
    except NotVouchedFor as nobody:
        return log_in_form(visit, "/", visit.words.say(f"sso.{nobody.why}"), 503 if nobody.why == "away" else 401)
    response = RedirectResponse(address or LOGIN, 303)
    response.delete_cookie(portal.out_cookie, **portal.of_out_cookie)
    return response


def _refused(visit: Visit, why: str, what: str, to: str = "/", name: str = "") -> Response:
    if what:
        people.fail_elsewhere(visit.portal.ledger, name, visit.address, f"single sign-on: {what}"[:500], visit.now)
    told = visit.words.say(f"sso.{why}", name=name)
    return log_in_form(visit, to, told, 503 if why == "away" else 401)
