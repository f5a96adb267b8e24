"""Version folders: which there are, which one latest.json points to, and what a killed run left behind.

Belongs here: names and order of versions. Does not: what is in one (publish.py), whether it is as it was (manifest.py).
"""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from reports.model import Header

VERSION = re.compile(r"v([1-9]\d*)")
INTERIM = "interim"


@dataclass(frozen=True, slots=True)
class Edition:
    """What a run did for one scope: the version that stands, where, and whether this run made it."""

    scope: str
    version: str
    folder: Path
    made: bool


def versions(folder: Path) -> list[str]:
    """The published versions of a scope's folder, oldest first; interim is none."""
    found = (VERSION.fullmatch(p.name) for p in (folder.iterdir() if folder.is_dir() else ()))
    return [f"v{n}" for n in sorted(int(m[1]) for m in found if m)]


def latest_version(folder: Path) -> str | None:
    """Which version to pull: the last supplement, else the deadline report, else interim; None where there is none."""
    published = versions(folder)
    if published:
        return published[-1]
    return INTERIM if (folder / INTERIM).is_dir() else None


def header_of(folder: Path, scope_name: str, software: str, lang: str = "zh") -> Header:
    """The header of a version folder, as its summary.json and manifest.json have it."""
    summary, manifest = (
        json.loads((folder / f"{n}.json").read_text(encoding="utf-8")) for n in ("summary", "manifest")
    )
    return Header(
        period=summary["period"],
        scope=summary["scope"],
        scope_name=scope_name,
        version=summary["version"],
        kind=summary["kind"],
        as_of=datetime.fromisoformat(summary["as_of"]),
        cutoff=datetime.fromisoformat(summary["cutoff"]),
        software=software,
        lang=lang,
        mailbox_unreachable=summary["collected"]["imap"] == "unreachable",
        unsigned=tuple(s["scope_name"] for s in manifest.get("signatures", ()) if s["signed_at"] is None),
    )


def tidy(root: Path) -> None:
    """Remove what a killed run left half made in a period, and let every latest.json name the version that stands."""
    for folder in root.glob("*/"):
        for left in folder.glob(".*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        if version := latest_version(folder):
            point_to(folder, version)


def point_to(folder: Path, version: str) -> None:
    """Let latest.json of a scope's folder name a version."""
    content = json.dumps({"version": version}) + "\n"
    path = folder / "latest.json"
    if path.exists() and path.read_text(encoding="utf-8") == content:
        return
    temporary = folder / f".latest-{os.getpid()}.json"
    temporary.write_text(content, encoding="utf-8")
    temporary.replace(path)
