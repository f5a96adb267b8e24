"""Reports put where people pull them: versions, manifests, and folders that appear whole or not at all.

outputs.md, published/. Belongs here: which version is made when, what changed since the one before, writing and
verifying folders. Does not: the content of a report (reports/), the tables of data/ (assets/published_tables.py).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from assets.months import Work
from assets.published_tables import TABLES, as_csv, as_parquet, read_tables, scope_tables
from reports.model import Change, Header, Report

VERSION = re.compile(r"v([1-9]\d*)")
INTERIM = "interim"
# The table of data/ whose rows say which units a figure of summary.json rests on.
TABLE_OF = {
    "units": "units", "forms": "submissions", "mails": "submissions", "findings": "findings",
    "exposed_assets": "exposed_assets", "app_launches": "app_launches", "self_check": "self_check",
    "rectification": "rectification", "incidents": "incidents", "indicators": "indicators", "agreements": "agreements",
}  # fmt: skip

Gather = Callable[[Mapping[str, Header]], Mapping[str, Report]]
Render = Callable[[Iterable[tuple[str, Report]]], Iterator[tuple[str, dict[str, bytes]]]]


@dataclass(frozen=True, slots=True)
class Edition:
    """What a run did for one scope: the version that stands, where, and whether this run made it."""

    scope: str
    version: str
    folder: Path
    made: bool


@dataclass(slots=True)
class _Draft:
    header: Header
    summary: dict[str, Any]
    data: dict[str, bytes]


# ------------------------------------------------------------------------------------------------------ versions
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


def tidy(published: Path) -> None:
    """Remove what a killed run left half made, and let every latest.json name the version that stands."""
    for folder in published.glob("*/*"):
        for left in folder.glob(".*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        if version := latest_version(folder):
            _point_to(folder, version)


def _point_to(folder: Path, version: str) -> None:
    content = json.dumps({"version": version}) + "\n"
    path = folder / "latest.json"
    if path.exists() and path.read_text(encoding="utf-8") == content:
        return
    temporary = folder / f".latest-{os.getpid()}.json"
    temporary.write_text(content, encoding="utf-8")
    temporary.replace(path)


# ------------------------------------------------------------------------------------------------------ publishing
def publish(
    work: Work, period: str, published: Path, gather: Gather, render: Render, lang: str = "zh"
) -> list[Edition]:
    """Publish the period for every scope; what stands of each, in the order of the register.

    Before the cut-off, and while there is no deadline report, interim is replaced. The first run at or after it
    makes v1, which is never touched again; later ones add a supplement where what is counted has changed.
    """
    root = published / period
    root.mkdir(parents=True, exist_ok=True)
    tidy(published)
    parameters = work.parameters(period)
    figures = {
        r["scope"]: json.loads(r["summary"])
        for r in work.warehouse.rows("select scope, summary from marts.summaries where period = $period", parameters)
    }
    tables = read_tables(work.warehouse, work.catalogue, parameters)
    members = _members(work, period)
    drafts: dict[str, _Draft] = {}
    for scope in members:
        own = scope_tables(tables, members[scope], carrier=scope == parameters["carrier"])
        draft = _draft(work, period, scope, figures[scope], own, root / scope, lang)
        if draft:
            drafts[scope] = draft
    mails = _mails(work, period)
    reports = gather({scope: draft.header for scope, draft in drafts.items()}) if drafts else {}
    for scope, documents in render((scope, reports[scope]) for scope in drafts):
        draft = drafts[scope]
        everything = scope == parameters["carrier"]
        rests_on = [m for m in mails if everything or m["unit"] in members[scope]]
        _write(root / scope, draft, documents, rests_on)
    editions = []
    for scope in members:
        version = latest_version(root / scope)
        assert version is not None
        editions.append(Edition(scope, version, root / scope / version, scope in drafts))
    return editions


def _members(work: Work, period: str) -> dict[str, list[str]]:
    """Every scope of the period with the codes of all units below it."""
    members: dict[str, list[str]] = {u.code: [] for u in work.register.tree(period).scopes}
    for row in work.warehouse.rows(
        "select scope, unit_code from core.scope_units where period = $period", {"period": period}
    ):
        members[row["scope"]].append(row["unit_code"])
    return members


def _mails(work: Work, period: str) -> list[dict[str, Any]]:
    rows = work.warehouse.rows(
        "select mail, received_at, unit_code from core.mails where period = $period order by received_at, mail",
        {"period": period},
    )
    zone = work.deadline.zone
    return [
        {
            "sha256": r["mail"],
            "received_at": r["received_at"].astimezone(zone).isoformat(),
            "unit": r["unit_code"],
        }
        for r in rows
    ]


def _draft(
    work: Work,
    period: str,
    scope: str,
    figures: dict[str, Any],
    own: Mapping[str, pl.DataFrame],
    folder: Path,
    lang: str,
) -> _Draft | None:
    """The version that is to be made now; None where the one that stands shall stand."""
    cutoff = work.deadline.cutoff(period)
    published = versions(folder)
    if work.as_of < cutoff:
        if published:
            return None
        version, kind = INTERIM, "interim"
    elif not published:
        version, kind = "v1", "deadline"
    else:
        version, kind = f"v{int(published[-1][1:]) + 1}", "supplement"
    data = {f"data/{name}.csv": as_csv(own[name]) for name in TABLES}
    changes: tuple[Change, ...] = ()
    if kind == "supplement":
        before = folder / published[-1]
        if _same_content(before, figures, data):
            return None
        changes = tuple(changes_since(before, figures, own, work))
    data |= {f"data/{name}.parquet": as_parquet(own[name]) for name in TABLES}
    zone = work.deadline.zone
    header = Header(
        period=period,
        scope=scope,
        scope_name=work.register.tree(period).by_code[scope].name,
        version=version,
        kind=kind,
        as_of=work.as_of.astimezone(zone),
        cutoff=cutoff,
        software=work.software,
        lang=lang,
        changes=changes,
        before_version=published[-1] if published else "",
    )
    summary = {
        "period": period,
        "scope": scope,
        "version": version,
        "kind": kind,
        "as_of": header.as_of.isoformat(),
        "cutoff": cutoff.isoformat(),
        **figures,
    }
    return _Draft(header, summary, data)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _figures(summary: Mapping[str, Any]) -> dict[str, Any]:
    """A summary without what says which version it is."""
    head = ("period", "scope", "version", "kind", "as_of", "cutoff")
    return {k: v for k, v in summary.items() if k not in head}


def _same_content(before: Path, figures: Mapping[str, Any], data: Mapping[str, bytes]) -> bool:
    """Whether a published version counts the same: its figures, and every row of data/."""
    manifest = json.loads((before / "manifest.json").read_text(encoding="utf-8"))
    digests = {f["path"]: f["sha256"] for f in manifest["files"]}
    return _figures(json.loads((before / "summary.json").read_text(encoding="utf-8"))) == figures and all(
        digests.get(path) == _sha256(content) for path, content in data.items()
    )


# ------------------------------------------------------------------------------------------------------ supplements
def flatten(figures: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every figure of a summary under its dotted path."""
    if isinstance(figures, Mapping):
        for key, value in figures.items():
            yield from flatten(value, f"{path}.{key}" if path else str(key))
    else:
        yield path, figures


def changes_since(
    before: Path, figures: Mapping[str, Any], own: Mapping[str, pl.DataFrame], work: Work
) -> Iterator[Change]:
    """Every figure that differs from a published version, and the mails, new since it, of the units it rests on."""
    was = dict(flatten(_figures(json.loads((before / "summary.json").read_text(encoding="utf-8")))))
    now = dict(flatten(figures))
    manifest = json.loads((before / "manifest.json").read_text(encoding="utf-8"))
    known = {m["sha256"] for m in manifest["mails"]}
    zone = work.deadline.zone
    new: dict[str, list[str]] = {}
    for row in work.warehouse.rows(
        """
        select
            m.mail,
            m.received_at,
            m.unit_code as sender,
            list(distinct s.unit_code) as units,
            any_value(u.unit_name) as name,
        from core.mails as m
        left join core.submissions as s using (period, mail)
        left join core.units as u on u.period = m.period and u.unit_code = coalesce(s.unit_code, m.unit_code)
        where m.period = $period
        group by all
        order by m.received_at, m.mail
        """,
        {"period": manifest["period"]},
    ):
        if row["mail"] in known:
            continue
        received = row["received_at"].astimezone(zone)
        words = f"{row['name'] or '—'} {received:%Y-%m-%d %H:%M} {row['mail'][:12]}"
        for unit in {*(u for u in row["units"] if u), row["sender"]}:
            new.setdefault(unit, []).append(words)
    moved = {name: _moved_units(before / "data" / f"{name}.parquet", own[name]) for name in TABLES}
    for path in sorted(was.keys() | now.keys()):
        before_value, after_value = was.get(path, 0), now.get(path, 0)
        if before_value != after_value:
            units = moved[TABLE_OF[path.partition(".")[0]]]
            because = dict.fromkeys(words for unit in sorted(units) for words in new.get(unit, ()))
            yield Change(path, before_value, after_value, tuple(because))


def _moved_units(before: Path, now: pl.DataFrame) -> set[str]:
    """The units whose rows in a table are not what they were."""

    def digests(frame: pl.DataFrame) -> dict[str, int]:
        rows = frame.drop([c for c in ("rank",) if c in frame.columns])
        hashed = rows.select("unit_code", digest=rows.hash_rows(seed=0))
        return dict(hashed.group_by("unit_code").agg(pl.col("digest").sort().hash().sum()).iter_rows())

    was, is_now = digests(pl.read_parquet(before)), digests(now)
    return {unit for unit in was.keys() | is_now.keys() if was.get(unit) != is_now.get(unit)}


# ------------------------------------------------------------------------------------------------------ folders
def _write(folder: Path, draft: _Draft, documents: Mapping[str, bytes], mails: list[dict[str, Any]]) -> None:
    """Write a version beside its place and move it there in one step."""
    header = draft.header
    summary = json.dumps(draft.summary, ensure_ascii=False, indent=1).encode() + b"\n"
    files = {**documents, "summary.json": summary, **draft.data}
    manifest = {
        "period": header.period,
        "scope": header.scope,
        "version": header.version,
        "kind": header.kind,
        "as_of": header.as_of.isoformat(),
        "cutoff": header.cutoff.isoformat(),
        "software": header.software,
        "mails": mails,
        "files": [
            {"path": path, "bytes": len(content), "sha256": _sha256(content)} for path, content in sorted(files.items())
        ],
    }
    files["manifest.json"] = json.dumps(manifest, ensure_ascii=False, indent=1).encode() + b"\n"
    building = folder / f".building-{os.getpid()}"
    shutil.rmtree(building, ignore_errors=True)
    for path, content in files.items():
        (building / path).parent.mkdir(parents=True, exist_ok=True)
        (building / path).write_bytes(content)
    place = folder / header.version
    if header.version == INTERIM and place.exists():
        old = folder / f".replaced-{os.getpid()}"
        place.rename(old)
        building.rename(place)
        shutil.rmtree(old)
    else:
        building.rename(place)
    _point_to(folder, header.version)


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
        elif ((content := file.read_bytes()) and (len(content), _sha256(content)) != (size, digest)) or (
            not content and size
        ):
            faults.append(f"{path}: changed since it was published")
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    faults.extend(f"{path}: not in the manifest" for path in sorted(present - listed.keys() - {"manifest.json"}))
    return faults


def parse_time(text: str) -> datetime:
    """An ISO 8601 moment with its offset. Raises ValueError where it has none."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write it as 2026-11-06T00:30:00+08:00")
    return moment
