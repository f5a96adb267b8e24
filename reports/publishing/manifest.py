"""The manifest of a version: every file with its digest, and holding a folder against it.

Belongs here: digests of files, verifying. Does not: what is published (publish.py).
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from assets.instance.durable import sha256_of


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# What office programs and file managers leave beside files that they show: no part of a version, and no harm to it.
_LEFT_BY_PROGRAMS = re.compile(r"~\$.*|\.~lock\..*#|Thumbs\.db|desktop\.ini|\.DS_Store|\._.*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Verified:
    """What is otherwise in a version folder than its manifest says: paths within it, in order.

    `left`: files that an office program or a file manager leaves beside those it shows; they are no fault.
    """

    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    @property
    def is_as_published(self) -> bool:
        """Whether every file of the version is there and as it was, with nothing among them that could be taken for
        one.
        """
        return not (self.missing or self.changed or self.extra)


def verify(folder: Path) -> Verified:
    """Hold a published folder against its manifest.

    Raises FileNotFoundError or ValueError where there is no readable manifest.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        listed = {f["path"]: (f["bytes"], f["sha256"]) for f in manifest["files"]}
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise ValueError(f"{folder / 'manifest.json'} is no manifest: {error}") from error
    there = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    others = sorted(there.keys() - listed.keys() - {"manifest.json"})
    left = [path for path in others if _LEFT_BY_PROGRAMS.fullmatch(path.rpartition("/")[2])]
    return Verified(
        missing=tuple(path for path in listed if path not in there),
        changed=tuple(
            path
            for path, (size, digest) in listed.items()
            if path in there and (there[path].stat().st_size, sha256_of(there[path])) != (size, digest)
        ),
        extra=tuple(path for path in others if path not in left),
        left=tuple(left),
    )
