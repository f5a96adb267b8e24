"""Files that a power cut leaves as they were or as they shall be, and whether one is what it was.

Belongs here: having names and content on the disk, and the digest of a file. Does not: what is written, and several
files at once (reports/publishing/rounds.py).
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def sha256_of(file: Path) -> str:
    """The sha256 of a file, read piece by piece."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk and not only on their way there."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """The same of all files below a folder and of the folder itself."""
    for at, _, files in os.walk(folder):
        for name in files:
            sync(Path(at, name))
        sync(Path(at))


def write_durably(path: Path, text: str) -> None:
    """Write a small file in one step, which a power cut leaves as it was or as it shall be."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    sync(temporary)
    temporary.replace(path)
    sync(path.parent)
