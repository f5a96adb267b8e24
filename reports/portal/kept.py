"""Pages that were drawn: kept for the next person who may see the same, as most of a scope look at the same ones.

Belongs here: keeping them, the latest used ones, and putting in what is a person's own. Does not: what a page rests on
(shared.py), whether somebody may see it.

A page is drawn for nobody in particular: where it shows the person's name or carries their token, it has a mark that is
made up anew by each process, and the person's own is put there each time it is handed out.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import replace

from markupsafe import escape

from assets.ledger.people import Person

MOST_BYTES = 8 * 1024 * 1024


class KeptPages:
    """The pages of one process, so many bytes of them at most: the one that was longest not looked at goes first."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        made_up = secrets.token_hex(16)
        self._name, self._csrf = f"name-{made_up}", f"csrf-{made_up}"
        self._pages: OrderedDict[Hashable, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def page(self, key: Hashable, who: Person, draw: Callable[[Person], bytes]) -> bytes:
        """The page of `key` with the person's own name and token; `draw` makes it, for somebody of the same grants,
        where it is not kept. What `draw` raises is passed on, and nothing is kept.

        `key` names all that the page rests on but that name and token.
        """
        with self._lock:
            drawn = self._pages.get(key)
            if drawn is not None:
                self._pages.move_to_end(key)
        if drawn is None:
            drawn = draw(replace(who, id=0, name=self._name, display=self._name, session="", csrf=self._csrf))
            self._keep(key, drawn)
        own = drawn.replace(self._name.encode(), escape(who.display).encode())
        return own.replace(self._csrf.encode(), escape(who.csrf).encode())

    def _keep(self, key: Hashable, drawn: bytes) -> None:
        with self._lock:
            self._bytes -= len(self._pages.pop(key, b""))
            self._pages[key] = drawn
            self._bytes += len(drawn)
            while self._bytes > self.most_bytes:
                _, oldest = self._pages.popitem(last=False)
                self._bytes -= len(oldest)
