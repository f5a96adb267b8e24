"""What `sixth pull --url` fetches from a portal, as a program that has a token.

Belongs here: the request; no other command wants an HTTP client. Does not: the command (cli.py), the tokens
(portal_commands.py).
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from email.message import Message
from urllib.parse import urlencode, urlsplit

from assets.intake.mail.headers import clean_name
from pipelines.terminal import WrongUse

TOKEN = "SIXTH_TOKEN"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
FETCH_SECONDS = 120


class _NowhereElse(urllib.request.HTTPRedirectHandler):
    """A token is not carried to where an answer points."""

    def redirect_request(self, *_: object) -> None:
        """None: an answer that points elsewhere is an error."""


def fetch(url: str, *, period: str, scope: str, version: str, form: str) -> tuple[bytes, str]:
    """A published file of a portal, and what it is called. Raises WrongUse where it cannot be had."""
    token, parts = os.environ.get(TOKEN, ""), urlsplit(url)
    if not token:
        raise WrongUse(f"--url needs a token in {TOKEN}; the portal's page of tokens makes one")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise WrongUse(f"--url {url}: a token goes over https alone")
    query = {"period": period, "scope": scope, "version": version, "format": form}
    asked = urllib.request.Request(
        f"{url.rstrip('/')}/pull?{urlencode({k: v for k, v in query.items() if v})}",
        headers={"Authorization": f"Bearer {token}"},
    )
    try:
        with urllib.request.build_opener(_NowhereElse).open(asked, timeout=FETCH_SECONDS) as answer:
            told: Message = answer.headers
            return answer.read(), clean_name(told.get_filename() or "") or f"{period}.{form}"
    except urllib.error.HTTPError as error:
        raise WrongUse(f"{url} answers {error.code}: {error.read(300).decode(errors='replace').strip()}") from error
    except (urllib.error.URLError, TimeoutError) as error:
        raise WrongUse(f"{url} cannot be reached: {getattr(error, 'reason', error)}") from error
