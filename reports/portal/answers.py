"""What every answer of the portal has: headers, language, the frame of a page; and how much a request may bring.

Belongs here: pure ASGI layers and the rendering of templates. Does not: who is there (access.py), what is on a page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import MutableHeaders
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assets.instance.periods import is_span
from reports.portal.words import Words
from reports.publishing.versions import INTERIM

HERE = Path(__file__).parent
STATIC = HERE / "static"
LANGUAGE_COOKIE = "sixth_lang"
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SAID = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
}
KEEP_NOTHING, KEEP_AN_HOUR = "no-store", "public, max-age=3600"
ORDINARY_BYTES = 256 * 1024  # of a request that uploads nothing
TOO_LARGE = 413
PASSED_OVER_BYTES = 64 * 1024 * 1024  # of what was not read before the answer: one that never ends is answered, too
TLS = {"strict-transport-security": "max-age=31536000"}

templates = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def options_of_months(words: Words, periods: Sequence[tuple[str, str] | str]) -> list[tuple[str, str]]:
    """The months to choose from, each with the version that stands where it is known."""
    told = [(p, INTERIM) if isinstance(p, str) else p for p in periods]
    named = {p: words.month(p) if is_span(p) else p for p, _ in told}
    return [(p, named[p] if version == INTERIM else f"{named[p]} {version}".strip()) for p, version in told]


def options_of_nodes(nodes: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The scopes to choose from, those below others further in."""
    least = min((node["depth"] for node in nodes), default=0)
    return [(node["unit_code"], "\u2003" * (node["depth"] - least) + node["unit_name"]) for node in nodes]


def shortfalls(units: Mapping[str, int], say: Callable[..., str]) -> str:
    """How many units are late, incomplete, returned and missing, in words; "" where none is."""
    told = [
        say(f"short.{key}", n=units[key])
        for key in ("complete_late", "incomplete", "returned", "missing")
        if units[key]
    ]
    return say("list").join(told)


templates.globals |= {
    "shortfalls": shortfalls,
    "options_of_months": options_of_months,
    "options_of_nodes": options_of_nodes,
}


def drawn(template: str, values: Mapping[str, Any]) -> str:
    """A page."""
    return templates.get_template(template).render(values)


class Headers:
    """What every answer says to the browser, errors and files too; `tls`: whether browsers come by https alone."""

    def __init__(self, app: ASGIApp, *, tls: bool) -> None:
        self.app = app
        self.said = SAID | (TLS if tls else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with headers put to the answer's."""
        kept = KEEP_AN_HOUR if scope.get("path", "").startswith("/static/") else KEEP_NOTHING

        async def said(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self.said)
                headers["cache-control"] = kept
            await send(message)

        await self.app(scope, receive, said if scope["type"] == "http" else send)


class Limits:
    """How large a request may be: more where files are uploaded, little elsewhere. Counted as it comes in. `page` is
    what a browser is told of one that is larger.
    """

    def __init__(self, app: ASGIApp, uploads: tuple[str, ...], upload_bytes: int, page: str) -> None:
        self.uploads, self.page = uploads, page.encode()
        self.large = RequestBodyLimitMiddleware(app, upload_bytes)
        self.ordinary = RequestBodyLimitMiddleware(app, ORDINARY_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, within a limit."""
        chosen = self.large if scope.get("path") in self.uploads else self.ordinary
        is_larger, is_read = False, scope.get("method") in ("GET", "HEAD")

        async def received() -> Message:
            nonlocal is_read
            message = await receive()
            is_read = message["type"] == "http.disconnect" or not message.get("more_body", False)
            return message

        async def told(message: Message) -> None:
            nonlocal is_larger
            if message["type"] == "http.response.start":
                passed_over = 0
                # A browser, or a proxy, that is still sending would not read the answer but find the connection gone.
                while not is_read and passed_over < PASSED_OVER_BYTES:
                    passed_over += len((await received()).get("body", b""))
                is_larger = message["status"] == TOO_LARGE
                if is_larger:
                    headers = MutableHeaders(scope=message)
                    headers["content-type"], headers["content-length"] = "text/html; charset=utf-8", str(len(self.page))
            elif is_larger:
                message = {"type": "http.response.body", "body": self.page}
            await send(message)

        await chosen(scope, received, told)
