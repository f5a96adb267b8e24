"""An OpenID provider on a port of this machine, as the house's would be: discovery, keys, codes, tokens, userinfo.

Belongs here: doing what the specification says, and, where a test asks for it, not quite. Does not: asserting.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.portal.made_portal import on_a_port

CLIENT, SECRET = "sixth", "of the portal"


@cache
def first_key() -> RSAKey:
    """The key of all providers of a process: making one takes a tenth of a second."""
    return RSAKey.generate_key(2048, {"kid": "1", "use": "sig"})


class Provider:
    """A provider at which everybody is logged in already, as `person`. `changed` is what a test lets it say otherwise
    in an ID token, `header` in that's header; `key` signs, and `others` are the keys that it shows beside it.
    """

    def __init__(self) -> None:
        self.issuer = ""
        self.key: Any = first_key()
        self.shown: list[Any] = [self.key]
        self.person: dict[str, Any] = {"sub": "4711", "preferred_username": "steward"}
        self.userinfo: dict[str, Any] | None = None
        self.changed: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
        self.algorithm = "RS256"
        self.refuses = ""
        self.calls_itself: str | None = None
        self.document: dict[str, Any] = {}  # said otherwise in its discovery
        self.broken: list[Any] = []  # keys that it shows before the others
        self.went_out: list[Any] = []  # who logged out, as the hint says; None where there was none
        self.codes: dict[str, dict[str, str]] = {}

    def routes(self) -> list[Route]:
        return [
            Route("/.well-known/openid-configuration", self.discovery),
            Route("/keys", self.keys),
            Route("/authorize", self.authorize),
            Route("/token", self.token, methods=["POST"]),
            Route("/userinfo", self.info),
            Route("/out", self.out),
        ]

    async def discovery(self, request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.calls_itself or self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "userinfo_endpoint": f"{self.issuer}/userinfo",
                "jwks_uri": f"{self.issuer}/keys",
                "end_session_endpoint": f"{self.issuer}/out",
                "id_token_signing_alg_values_supported": ["RS256"],
            }
            | self.document
        )

    async def keys(self, request: Request) -> Response:
        return JSONResponse({"keys": [*self.broken, *(key.as_dict(private=False) for key in self.shown)]})

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        back = {"state": asked["state"], "iss": self.issuer}
        if self.refuses:
            return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({**back, 'error': self.refuses})}", 302)
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({**back, 'code': code})}", 302)

    async def token(self, request: Request) -> Response:
        form = await request.form()
        asked = self.codes.pop(str(form.get("code")), None)
        known = base64.b64encode(f"{CLIENT}:{SECRET.replace(' ', '+')}".encode()).decode()
        plain = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if request.headers.get("authorization") not in (f"Basic {known}", f"Basic {plain}"):
            return JSONResponse({"error": "invalid_client"}, 401)
        challenge = hashlib.sha256(str(form.get("code_verifier")).encode()).digest()
        told = base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()
        if asked is None or told != asked["code_challenge"] or form.get("redirect_uri") != asked["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": asked["nonce"],
            **self.person,
        }
        header = {"alg": self.algorithm} | ({"kid": self.key.kid} if self.key.kid else {})
        signed = jwt.encode(header, self.changed(claims), self.key, algorithms=[self.algorithm])
        return JSONResponse({"access_token": "at", "token_type": "Bearer", "expires_in": 300, "id_token": signed})

    async def out(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["client_id"] == CLIENT
        hinted = jwt.decode(asked["id_token_hint"], self.key).claims if "id_token_hint" in asked else None
        self.went_out.append(hinted and hinted["sub"])
        return RedirectResponse(asked["post_logout_redirect_uri"], 302)

    async def info(self, request: Request) -> Response:
        if request.headers.get("authorization") != "Bearer at" or self.userinfo is None:
            return JSONResponse({"error": "invalid_token"}, 401)
        return JSONResponse(self.userinfo)


@contextmanager
def provider() -> Iterator[Provider]:
    """A provider that answers until the block is over."""
    made = Provider()
    with on_a_port(Starlette(routes=made.routes())) as made.issuer:
        yield made
