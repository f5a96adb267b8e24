"""Pages that were drawn: kept for the next person who may see the same, as most of a scope look at the same ones.

Belongs here: keeping what was drawn, the last used of it, and putting in what is a person's own. Does not: what a page
rests on (shared.py), whether somebody may see it.

A page is drawn for nobody in particular: where it shows the person's name or carries their token, it has a mark that is
made up anew by each process, and the person's own is put there each time it is handed out.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Generic, TypeVar

from markupsafe import escape

from assets.ledger.people import Person

MOST_BYTES = 8 * 1024 * 1024
Made = TypeVar("Made")


class LastUsed(Generic[Made]):
    """What was made and may be wanted again, so much at most: what was longest not wanted goes first. For threads."""

    def __init__(self, most: int, size: Callable[[Made], int] = lambda _: 1) -> None:
        self.most, self._size = most, size
        self._made: OrderedDict[Hashable, Made] = OrderedDict()
        self._taken = 0
        self._lock = threading.Lock()

    def of(self, key: Hashable) -> Made | None:
        """What was made under a key; None where it is not kept."""
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
            return self._made.get(key)

    def keep(self, key: Hashable, made: Made) -> None:
        """Keep what was made."""
        with self._lock:
            before = self._made.pop(key, None)
            self._taken += self._size(made) - (0 if before is None else self._size(before))
            self._made[key] = made
            while self._taken > self.most:
                _, oldest = self._made.popitem(last=False)
                self._taken -= self._size(oldest)


class KeptPages:
    """The pages of one process, so many bytes of them at most."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        made_up = secrets.token_hex(16)
        self._name, self._csrf = f"name-{made_up}", f"csrf-{made_up}"
        self.pages = LastUsed[bytes](most_bytes, len)

    def page(self, key: Hashable, who: Person, draw: Callable[[Person], bytes]) -> bytes:
        """The page of `key` with the person's own name and token; `draw` makes it, for somebody of the same grants,
        where it is not kept. What `draw` raises is passed on, and nothing is kept.

        `key` names all that the page rests on but that name and token.
        """
        drawn = self.pages.of(key)
        if drawn is None:
            drawn = draw(replace(who, id=0, name=self._name, display=self._name, session="", csrf=self._csrf))
            self.pages.keep(key, drawn)
        own = drawn.replace(self._name.encode(), escape(who.display).encode())
        return own.replace(self._csrf.encode(), escape(who.csrf).encode())
