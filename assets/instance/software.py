"""Which software this is: its version, and digests of its code.

Belongs here: what the installed package says of itself. Does not: what rests on it (assets/month/work.py,
assets/intake/parsing.py).
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CODE = frozenset({".py", ".sql"})


@cache
def installed_version() -> str:
    """The version of the installed package."""
    from importlib.metadata import version  # noqa: PLC0415 - reads its data by the parser of mails

    return version("sixth")


def code_digest(*places: str) -> str:
    """Digest of the Python and SQL in some folders or files, as `assets/intake` or `sql`: what an edit changes.

    Texts and forms, which are YAML, have digests of their own (Catalogue.digest). Some 300 small files are read in
    about 10 ms, once a process.
    """
    return hashlib.sha256("|".join(map(_digest_of, places)).encode()).hexdigest()


@cache
def _digest_of(place: str) -> str:
    found = hashlib.sha256()
    files = [ROOT / place] if (ROOT / place).is_file() else sorted((ROOT / place).rglob("*"))
    for path in files:
        if path.suffix in CODE:
            found.update(f"{path.relative_to(ROOT).as_posix()}\0".encode())
            found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()
