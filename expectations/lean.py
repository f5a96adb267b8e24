"""Great Expectations imported without libraries that nothing here calls: half of its import, and 100 MB.

It imports SciPy, Altair, Mistune and IPython for profilers, charts and notebooks, which a checkpoint of our own
expectations never comes to, and SQLAlchemy, without which it does (it is no base dependency of it). Belongs here:
leaving them out, in the one process that has GX. Does not: what is used of GX (validations.py).

What is left out is in its place by name: whatever should call it all the same is told so, by name. Held by
tests/findings/test_validations.py, which validates in such a process and in one that has all of them.
"""

from __future__ import annotations

import importlib.machinery
import sys
import types
from typing import Any, NoReturn

NEVER_CALLED = ("scipy", "scipy.stats", "scipy.special", "altair", "mistune", "IPython")
DONE_WITHOUT = ("sqlalchemy",)  # its import is tried, and its absence expected


class _Named(type):
    """What a name of a library that was left out stands for: it may be named, and not be used."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Named(f"{cls.__name__}.{name}", (), {})

    def __call__(cls, *_: object, **__: object) -> NoReturn:
        raise ImportError(f"{cls.__name__} was left out of this process (expectations/lean.py)")


class _LeftOut(types.ModuleType):
    """A library that was left out."""

    __path__: list[str] = []  # noqa: RUF012 - as a package has it

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Named(f"{self.__name__}.{name}", (), {})


def leave_out() -> None:
    """Put names in the place of the libraries, for the import of GX that follows; not where one is there already."""
    if any(name in sys.modules for name in (*NEVER_CALLED, *DONE_WITHOUT)):
        return
    for name in NEVER_CALLED:
        module = _LeftOut(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        sys.modules[name] = module
    for name in DONE_WITHOUT:
        sys.modules[name] = None  # type: ignore[assignment]  # documented: its import raises ModuleNotFoundError
