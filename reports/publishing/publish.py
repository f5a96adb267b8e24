"""Reports put where people pull them: versions, manifests, and folders that appear whole or not at all.

outputs.md, published/. Belongs here: which version is made when, what changed since the one before, writing and
verifying folders. Does not: the content of a report (reports/), the tables of data/ (reports/publishing/tables.py).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from assets.instance.periods import is_period
from assets.month.gate import require_settled
from assets.month.work import Work
from expectations.catalogue import Catalogue
from reports.model import Change, Header, Report
from reports.publishing.causes import Causes, ended_decisions, together, told_decisions
from reports.publishing.changes import _figures, changes_since
from reports.publishing.datapackage import FILE as DESCRIPTION
from reports.publishing.datapackage import describe
from reports.publishing.manifest import _digest_of, _sha256
from reports.publishing.rounds import commit, finish
from reports.publishing.schemas import MANIFEST_SCHEMA, SUMMARY_SCHEMA
from reports.publishing.tables import (
    TableFiles,
    content_of_units,
    cut,
    ranked,
    read_decisions,
    read_tables,
    read_units,
    unit_blocks,
    write_decisions,
)
from reports.publishing.versions import INTERIM, Edition, latest_version, tidy, versions

Content = Callable[[Header], Report]
Gather = Callable[[Sequence[str]], Content]  # of scopes, once; then report by report
Render = Callable[[Iterable[tuple[str, Report]]], Iterator[tuple[str, dict[str, bytes]]]]


@dataclass(slots=True)
class _Draft:
    """A version being made: its files of data/ lie in `building`, beside the place that it will have."""

    header: Header
    summary: dict[str, Any]
    building: Path


def publish(
    work: Work, period: str, published: Path, gather: Gather, render: Render, lang: str = "zh"
) -> list[Edition]:
    """Publish the period for every scope; what stands of each, in the order of the register.

    Before the cut-off, and while there is no deadline report, interim is replaced where its content has changed. The
    first run at or after it makes v1, which is never touched again; later ones add a supplement where what is counted
    has changed. Raises NotSettled; the months of a span are held to that where its tables are made
    (assets/month/spans.py).
    """
    if is_period(period):
        require_settled(work, period)
    publishing = _Publishing(work, period, published / period, lang)
    finish(publishing.root)
    tidy(publishing.root)
    made: dict[str, _Draft] = {}
    content: Content | None = None

    def reports() -> Iterator[tuple[str, Report]]:
        nonlocal content
        for draft in publishing.drafts():
            content = content or gather(list(publishing.members))
            made[draft.header.scope] = draft
            yield draft.header.scope, content(draft.header)

    finished: dict[str, tuple[str, Path]] = {}
    for scope, documents in render(reports()):
        draft = made.pop(scope)
        publishing.complete(draft, documents)
        finished[scope] = draft.header.version, draft.building
    commit(publishing.root, finished)
    publishing.remember()
    return [publishing.standing(scope, made=scope in finished) for scope in publishing.members]


def stands_as_settled(work: Work, period: str, scope: str, published: Path) -> bool:
    """Whether the version of a scope that stands is of the content that the warehouse holds."""
    return scope in _Publishing(work, period, published / period, "").unchanged()


class _Publishing:
    """One call of `publish`. A class, since all its steps rest on the same facts of the period."""

    def __init__(self, work: Work, period: str, root: Path, lang: str) -> None:
        self.work, self.period, self.root, self.lang = work, period, root, lang
        self.parameters = work.parameters(period)
        self.cutoff = work.deadline.cutoff(period)
        self.members = _members(work, period)
        self.figures: dict[str, str] = {
            r["scope"]: r["summary"]
            for r in work.warehouse.rows(
                "select scope, summary from marts.summaries where period = $period", self.parameters
            )
        }
        root.mkdir(parents=True, exist_ok=True)

    def standing(self, scope: str, *, made: bool) -> Edition:
        """What stands of a scope."""
        version = latest_version(self.root / scope)
        assert version is not None
        return Edition(scope, version, self.root / scope / version, made)

    # ----------------------------------------------------------------------------------- which versions are to be made
    @cached_property
    def content(self) -> dict[str, str]:
        """Of every scope a digest of what is counted and of what says how it is written: its figures, the rows of its
        units, and all that a result rests on but mails, such as what is personal and the time zone.
        """
        units = [u.code for u in self.work.register.tree(self.period).units]
        of_unit = content_of_units(self.work.warehouse, self.work.catalogue, self.parameters, [*units, ""])
        rests_on, digests = self.work.rests_on, {}
        for scope, units in self.members.items():
            parts = [rests_on, duckdb.__version__, self.figures[scope]]
            parts += [of_unit.get(u, "") for u in units]
            digests[scope] = _sha256("|".join(parts).encode())
        return digests

    def unchanged(self) -> frozenset[str]:
        """The scopes whose last version was made of the very same content, and need not be looked at."""
        if not self.work.warehouse.exists("core.published"):
            return frozenset()
        rows = self.work.warehouse.rows("select * from core.published where period = $period", self.parameters)
        return frozenset(
            r["scope"]
            for r in rows
            if r["scope"] in self.members
            and r["content"] == self.content[r["scope"]]
            and r["version"] == latest_version(self.root / r["scope"])
        )

    def remember(self) -> None:
        """Book of which content every standing version is, an interim one too."""
        rows = [(self.period, s, latest_version(self.root / s), self.content[s]) for s in self.members]
        schema = dict.fromkeys(("period", "scope", "version", "content"), pl.String)
        frame = pl.DataFrame(rows, schema=schema, orient="row")
        self.work.warehouse.put("core.published", frame, period=self.period)

    def wanted(self) -> dict[str, list[str]]:
        """The scopes of which a version may have to be made, with their units."""
        same, is_over = self.unchanged(), self.work.as_of >= self.cutoff
        return {
            s: units
            for s, units in self.members.items()
            # A cut-off that is moved on after the deadline report keeps no supplement back.
            if s not in same or (is_over and latest_version(self.root / s) == INTERIM)
        }

    # ------------------------------------------------------------------------------------------------------ drafts
    def drafts(self) -> Iterator[_Draft]:
        """The versions that are to be made, each as soon as its last unit was read: some hundred units at a time."""
        wanted = self.wanted()
        if not wanted:
            return
        left = {scope: {scope, *units} for scope, units in wanted.items()}  # its own code: a scope may have no unit
        of_unit: dict[str, list[str]] = {}
        for scope, units in left.items():
            for unit in units:
                of_unit.setdefault(unit, []).append(scope)
        files: dict[str, TableFiles] = {}
        all_units = read_units(self.work.warehouse, self.work.catalogue, self.parameters)
        for block in unit_blocks([u.code for u in self.work.register.tree(self.period).units]):
            runs = [(scopes, list(run)) for scopes, run in groupby(block, lambda u: of_unit.get(u, [])) if scopes]
            if not runs:
                continue
            tables = read_tables(self.work.warehouse, self.work.catalogue, self.parameters, block)
            for (scopes, run), rows in zip(runs, cut(tables, [run for _, run in runs]), strict=True):
                for scope in scopes:
                    if scope not in files:
                        files[scope] = TableFiles(self._building(scope) / "data", ranked(all_units, wanted[scope]))
                    files[scope].append(rows)
                    left[scope].difference_update(run)
                    if not left[scope]:
                        files.pop(scope).close()
                        if draft := self._draft(scope):
                            yield draft
            for unfinished in files.values():
                unfinished.flush()

    def _building(self, scope: str) -> Path:
        return self.root / scope / f".building-{os.getpid()}"

    def _draft(self, scope: str) -> _Draft | None:
        """The version that is to be made of the tables just written; None where the one that stands shall stand."""
        folder, building, figures = self.root / scope, self._building(scope), json.loads(self.figures[scope])
        published = versions(folder)
        changes: tuple[Change, ...] = ()
        if not published and self.work.as_of < self.cutoff:
            version, kind = INTERIM, "interim"
        elif not published:
            version, kind = "v1", "deadline"
        else:  # also before a cut-off that was moved since: readers would be left with what is known to be otherwise
            version, kind = f"v{int(published[-1][1:]) + 1}", "supplement"
            before = folder / published[-1]
            if _same_content(before, figures, building):
                shutil.rmtree(building)
                return None
            ended = ended_decisions(before, self._told_decisions, self.lang)
            causes = together([self._told_mails, self._told_decisions, ended])
            changes = tuple(changes_since(before, figures, building, causes))
        zone = self.work.deadline.zone
        header = Header(
            period=self.period,
            scope=scope,
            scope_name=self.work.register.tree(self.period).by_code[scope].name,
            version=version,
            kind=kind,
            as_of=self.work.as_of.astimezone(zone),
            cutoff=self.cutoff,
            software=self.work.software,
            lang=self.lang,
            changes=changes,
            before_version=published[-1] if published else "",
        )
        summary = {
            "$schema": SUMMARY_SCHEMA,
            "period": self.period,
            "scope": scope,
            "version": version,
            "kind": kind,
            "as_of": header.as_of.isoformat(),
            "cutoff": self.cutoff.isoformat(),
            "collected": self._collected,
            **figures,
        }
        return _Draft(header, summary, building)

    @cached_property
    def _collected(self) -> dict[str, str]:
        """How the collecting went on which the version rests, by source (outputs.md, summary.json)."""
        rows = self.work.warehouse.rows("select source, state from sixth.staging.collected order by source desc")
        return {row["source"]: row["state"] for row in rows}

    @cached_property
    def _told_decisions(self) -> Causes:
        return told_decisions(self.work.warehouse, self.parameters, self.lang)

    @cached_property
    def _told_mails(self) -> dict[str, list[tuple[str, str]]]:
        """By unit the mails that it sent or that brought its forms, in the order of receipt: sha256, and in words."""
        zone = self.work.deadline.zone
        told: dict[str, list[tuple[str, str]]] = {}
        for row in self.work.warehouse.rows(
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
            self.parameters,
        ):
            received = row["received_at"].astimezone(zone)
            words = f"{row['name'] or '—'} {received:%Y-%m-%d %H:%M} {row['mail'][:12]}"
            for unit in {*(u for u in row["units"] if u), row["sender"]}:
                told.setdefault(unit, []).append((row["mail"], words))
        return told

    # ------------------------------------------------------------------------------------------------------ finishing
    @cached_property
    def _mails(self) -> list[dict[str, Any]]:
        """Every mail of the period as manifests have it, in the order of receipt."""
        zone = self.work.deadline.zone
        return [
            {"sha256": r["mail"], "received_at": r["received_at"].astimezone(zone).isoformat(), "unit": r["unit_code"]}
            for r in self.work.warehouse.rows(
                "select mail, received_at, unit_code from core.mails where period = $period order by received_at, mail",
                self.parameters,
            )
        ]

    @cached_property
    def _mails_of_units(self) -> dict[str, list[int]]:
        """Places in `_mails` by unit."""
        places: dict[str, list[int]] = {}
        for place, mail in enumerate(self._mails):
            places.setdefault(mail["unit"], []).append(place)
        return places

    @cached_property
    def _decisions(self) -> pl.DataFrame:
        """The decisions in force that bear on the period."""
        return read_decisions(self.work.warehouse, self.work.catalogue, self.parameters)

    def complete(self, draft: _Draft, documents: Mapping[str, bytes]) -> None:
        """Complete a version beside its place."""
        scope = draft.header.scope
        mails = self._mails
        if scope != self.parameters["carrier"]:
            mails = [mails[p] for p in sorted(p for u in self.members[scope] for p in self._mails_of_units.get(u, ()))]
        own = pl.col("unit_code").is_in(self.members[scope])
        _write(draft, documents, mails, self._decisions.filter(own), self.work.catalogue)


def _members(work: Work, period: str) -> dict[str, list[str]]:
    """Every scope of the period with the codes of all units below it; of the carrier also "", of held mails."""
    tree = work.register.tree(period)
    members: dict[str, list[str]] = {u.code: [] for u in tree.scopes}
    for row in work.warehouse.rows(
        """
        select s.scope, s.unit_code
        from core.scope_units as s
        inner join core.units as u using (period, unit_code)
        where s.period = $period
        order by u.position
        """,
        {"period": period},
    ):
        members[row["scope"]].append(row["unit_code"])
    members[tree.carrier].append("")
    return members


def _same_content(before: Path, figures: Mapping[str, Any], building: Path) -> bool:
    """Whether a published version counts the same: its figures, and every row of data/."""
    manifest = json.loads((before / "manifest.json").read_text(encoding="utf-8"))
    digests = {f["path"]: f["sha256"] for f in manifest["files"]}
    return _figures(json.loads((before / "summary.json").read_text(encoding="utf-8"))) == figures and all(
        digests.get(path.relative_to(building).as_posix()) == _digest_of(path) for path in building.glob("data/*.csv")
    )


def _write(
    draft: _Draft,
    documents: Mapping[str, bytes],
    mails: list[dict[str, Any]],
    decisions: pl.DataFrame,
    catalogue: Catalogue,
) -> None:
    """Complete a version beside its place."""
    header, building = draft.header, draft.building
    # After the version was compared with the one before: decisions that change nothing make none.
    write_decisions(building / "data", decisions)
    described = describe(building / "data", catalogue, header.period, header.scope, header.version)
    (building / "data" / DESCRIPTION).write_bytes(described)
    summary = json.dumps(draft.summary, ensure_ascii=False, indent=1).encode() + b"\n"
    for path, content in {**documents, "summary.json": summary}.items():
        (building / path).write_bytes(content)
    files = sorted((p.relative_to(building).as_posix(), p) for p in building.rglob("*") if p.is_file())
    manifest = {
        "$schema": MANIFEST_SCHEMA,
        "period": header.period,
        "scope": header.scope,
        "version": header.version,
        "kind": header.kind,
        "as_of": header.as_of.isoformat(),
        "cutoff": header.cutoff.isoformat(),
        "software": header.software,
        "mails": mails,
        "decisions": decisions.select("key", "kind", pl.col("unit_code").alias("unit"), "decided_at").to_dicts(),
        "files": [{"path": path, "bytes": p.stat().st_size, "sha256": _digest_of(p)} for path, p in files],
    }
    (building / "manifest.json").write_bytes(json.dumps(manifest, ensure_ascii=False, indent=1).encode() + b"\n")
