"""The manifest of a version: every file with its digest, and holding a folder against it.

Belongs here: digests of files, verifying. Does not: what is published (publish.py).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(folder: Path) -> list[str]:
    """Hold a published folder against its manifest; what is wrong with it, in English, nothing where all is well.

    Raises FileNotFoundError or ValueError where there is no readable manifest.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        listed = {f["path"]: (f["bytes"], f["sha256"]) for f in manifest["files"]}
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(f"{folder / 'manifest.json'} is no manifest: {error}") from error
    faults = []
    for path, (size, digest) in listed.items():
        file = folder / path
        if not file.is_file():
            faults.append(f"{path}: missing")
        elif (file.stat().st_size, _digest_of(file)) != (size, digest):
            faults.append(f"{path}: changed since it was published")
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    faults.extend(f"{path}: not in the manifest" for path in sorted(present - listed.keys() - {"manifest.json"}))
    return faults
