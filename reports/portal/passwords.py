"""Passwords: hashed by argon2id, verified two at a time.

Belongs here: hashing and verifying. Does not: counting failed tries (assets/ledger/people.py).
"""

from __future__ import annotations

import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LEAST_LENGTH = 12  # characters
AT_ONCE = 2  # of 64 MiB each: fifty at once would take 3 GB
WAIT_SECONDS = 10.0
NO_PASSWORD = "none"  # what is kept of a user who comes by single sign-on alone

_hasher = PasswordHasher()
verifying = threading.Semaphore(AT_ONCE)


class PasswordTooShort(Exception):
    """A password that is no good; the message says what it must be."""

    exit_status = 2


def hashed(password: str) -> str:
    """What is kept of a password. Raises PasswordTooShort."""
    if len(password) < LEAST_LENGTH:
        raise PasswordTooShort(f"a password has {LEAST_LENGTH} characters or more")
    return _hasher.hash(password)


@cache
def _decoy() -> str:
    return _hasher.hash("of nobody")


def is_right(secret: str | None, password: str) -> bool:
    """Whether a password is that of a hash. Without one, or where the user has none, it takes as long all the same, so
    that nobody learns names.
    """
    known = None if secret == NO_PASSWORD else secret
    try:
        return _hasher.verify(known or _decoy(), password) and known is not None
    except (VerificationError, InvalidHashError):
        return False
