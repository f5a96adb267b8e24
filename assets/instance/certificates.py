"""When the certificate of a server ends, by the connection to it."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from typing import Any


def certificate_end(connection: Any) -> datetime | None:
    """The end (aware, UTC) of the certificate that a socket's other end has shown; None where it has shown none."""
    shown = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC) if shown else None
