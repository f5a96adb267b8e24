"""What the run of a home rests on beside mails and decisions: its register folder, and this software.

Belongs here: naming it by a digest, and saying that a run has begun, whose end is not known. Does not: what a run
leaves (reports/nothing_new.py).
"""

from __future__ import annotations

import hashlib
import platform
import sysconfig
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from assets.instance.durable import sync
from assets.instance.home import Home
from assets.instance.software import ROOT

if TYPE_CHECKING:
    from assets.instance.session import Session

SOFTWARE = ("assets", "expectations", "pipelines", "reports", "sql")
LARGE = frozenset({".ttf", ".png", ".eml"})


def begin(home: Home) -> None:
    """Say, durably, that a run has begun: until it ends, nobody knows that there is nothing to be done."""
    with suppress(FileNotFoundError):
        home.ended.unlink()
        sync(home.warehouse)


def inputs_of(session: Session) -> str:
    """The digest of what the run of a session rests on, as it was when this was asked first."""
    return inputs(session.home)


def inputs(home: Home) -> str:
    """Digest of all files of the register folder by content, of the code, its texts, and the installed libraries.

    Of the software's fonts, pictures and sample mails, the sizes. Some 20 ms.
    """
    found = hashlib.sha256()
    for path in _files(home.register):
        found.update(_named(path, home.register, path.read_bytes()))
    for room in SOFTWARE:
        for path in _files(ROOT / room):
            content = str(path.stat().st_size).encode() if path.suffix in LARGE else path.read_bytes()
            found.update(_named(path, ROOT, content))
    # A library is known by the name of its folder of metadata, which has the version in it.
    libraries = {path.name for kind in ("purelib", "platlib") for path in Path(sysconfig.get_path(kind)).iterdir()}
    found.update(repr(sorted(name for name in libraries if name.endswith(".dist-info"))).encode())
    found.update(platform.python_version().encode())
    return found.hexdigest()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")


def _named(path: Path, root: Path, content: bytes) -> bytes:
    return f"{path.relative_to(root).as_posix()}\0{hashlib.sha256(content).hexdigest()}\n".encode()
