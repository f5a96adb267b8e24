"""Reports put where people pull them: versions, manifests, and folders that appear whole or not at all.

outputs.md, published/. Belongs here: which version is made when, what changed since the one before, writing and
verifying folders. Does not: the content of a report (reports/), the tables of data/ (reports/publishing/tables.py).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from assets.instance.closed_months import edits
from assets.instance.durable import sha256_of
from assets.instance.periods import is_period
from assets.instance.register import Register
from assets.instance.warehouse import model
from assets.month.gate import require_settled
from assets.month.signing import SignOff
from assets.month.summary import summaries_of_units
from assets.month.work import Work, made_by
from expectations.catalogue import Catalogue
from reports.model import Change, Header, Report
from reports.publishing.causes import EVERYBODY, Causes, Mail, Rests, decisions_in_force
from reports.publishing.changes import changes_since, figures_of, flatten
from reports.publishing.datapackage import FILE as DESCRIPTION
from reports.publishing.datapackage import describe
from reports.publishing.manifest import _sha256, verify
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
Kept = Callable[[str], Register | None]
Render = Callable[[Iterable[tuple[str, Report]]], Iterator[tuple[str, dict[str, bytes]]]]


@dataclass(slots=True)
class _Draft:
    """A version being made: its files of data/ lie in `building`, beside the place that it will have."""

    header: Header
    summary: dict[str, Any]
    building: Path


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn of a scope beforehand: which version, and the folder in which it lies complete; "" where the one
    that stands was found to say the same.
    """

    version: str
    folder: Path


def publish(
    work: Work,
    period: str,
    published: Path,
    gather: Gather,
    render: Render,
    lang: str = "zh",
    kept: Kept = lambda _: None,
    signing: Sequence[SignOff] = (),
    page_of: Callable[[str], str] | None = None,
    drawn: Mapping[str, Drawn] | None = None,
) -> list[Edition]:
    """Publish the period for every scope; what stands of each, in the order of the register.

    Before the cut-off, and while there is no deadline report, interim is replaced where its content has changed. The
    first run at or after it makes v1, which is never touched again; later ones add a supplement where what is counted
    has changed. While the mailbox cannot be reached v1 waits until `publish_anyway`. Raises NotSettled; the months of a
    span are held to that where its tables are made (assets/month/spans.py). `kept` finds a register as it was, by its
    digest. `signing`: the offices that are asked to sign the month, which a version tells of and never waits for.
    `page_of`: where the page of a unit lies, seen from a version's folder, where units have any. `drawn`: versions
    that `draw_versions` has made of what this warehouse holds, by scope; those that are to be made now and lie there as
    their manifests say are taken.
    """
    if is_period(period):
        require_settled(work, period)
    publishing = _Publishing(work, period, published / period, lang, kept, signing)
    finish(publishing.root)
    tidy(publishing.root)
    wanted = publishing.wanted()
    finished = publishing.take({s: one for s, one in (drawn or {}).items() if s in wanted})
    left = {s: units for s, units in wanted.items() if s not in finished}
    made = _made(publishing, left, gather, render, page_of)
    finished |= {scope: (draft.header.version, draft.building) for scope, draft in made}
    finished = {scope: one for scope, one in finished.items() if one[0]}
    commit(publishing.root, finished)
    if any(version != INTERIM for version, _ in finished.values()):
        publishing.remember_units()
    publishing.remember()
    return [publishing.standing(scope, made=scope in finished) for scope in publishing.members]


def to_be_made(work: Work, period: str, published: Path, signing: Sequence[SignOff] = ()) -> list[str]:
    """The scopes of which `publish` may have to make a version, in the order of the register."""
    return [*_Publishing(work, period, published / period, "", signing=signing).wanted()]


def draw_versions(
    work: Work,
    period: str,
    published: Path,
    gather: Gather,
    render: Render,
    lang: str,
    kept: Kept,
    signing: Sequence[SignOff],
    page_of: Callable[[str], str] | None,
    scopes: Collection[str],
    to: Path,
) -> dict[str, str]:
    """Make the versions of some scopes that `publish` would make of the same tables, each complete in a folder `to` /
    scope, and publish nothing; which version each is, "" where the one that stands shall stand.
    """
    publishing = _Publishing(work, period, published / period, lang, kept, signing, to)
    chosen = {scope: units for scope, units in publishing.members.items() if scope in scopes}
    made = _made(publishing, chosen, gather, render, page_of)
    return dict.fromkeys(chosen, "") | {scope: draft.header.version for scope, draft in made}


def _made(
    publishing: _Publishing,
    scopes: Mapping[str, list[str]],
    gather: Gather,
    render: Render,
    page_of: Callable[[str], str] | None,
) -> Iterator[tuple[str, _Draft]]:
    """The versions of these scopes that are to be made, each complete beside its place."""
    made: dict[str, _Draft] = {}
    content: Content | None = None

    def reports() -> Iterator[tuple[str, Report]]:
        nonlocal content
        for draft in publishing.drafts(scopes):
            content = content or gather(list(scopes))
            made[draft.header.scope] = draft
            units = scopes[draft.header.scope] if page_of else []
            pages = {unit: page_of(unit) for unit in units if page_of}
            yield draft.header.scope, replace(content(draft.header), data=draft.building / "data", pages=pages)

    for scope, documents in render(reports()):
        draft = made.pop(scope)
        publishing.complete(draft, documents)
        yield scope, draft


def stands_as_settled(work: Work, period: str, scope: str, published: Path, signing: Sequence[SignOff] = ()) -> bool:
    """Whether the version of a scope that stands is of the content that the warehouse holds."""
    return scope in _Publishing(work, period, published / period, "", signing=signing).unchanged()


def counts_as_published(work: Work, period: str, scope: str, published: Path) -> bool:
    """Whether the warehouse counts for a scope what its version that stands counts."""
    folder = published / period / scope
    text = (folder / str(latest_version(folder)) / "summary.json").read_text(encoding="utf-8")
    return figures_of(json.loads(text)) == json.loads(_Publishing(work, period, published / period, "").figures[scope])


class _Publishing:
    """One call of `publish`. A class, since all its steps rest on the same facts of the period."""

    def __init__(
        self,
        work: Work,
        period: str,
        root: Path,
        lang: str,
        kept: Kept = lambda _: None,
        signing: Sequence[SignOff] = (),
        to: Path | None = None,
    ) -> None:
        """`to`: where versions are made, by scope, where that is not beside their places."""
        self.kept, self.signing, self.to = kept, signing, to
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
    def is_unreachable(self) -> bool:
        """Whether mails may lie in a mailbox that could not be reached; half-years and years collect none."""
        return is_period(self.period) and self._collected.get("imap") == "unreachable"

    @cached_property
    def is_over(self) -> bool:
        """Whether a deadline report may be made: the cut-off is past, and the mailbox was reached, or waited for."""
        if self.is_unreachable:
            return self.work.as_of >= self.work.deadline.publish_anyway(self.period)
        return self.work.as_of >= self.cutoff

    @cached_property
    def content(self) -> dict[str, str]:
        """Digest per scope of everything its report depends on: its figures, its units' rows, and what the run rests
        on besides mails (settings, catalogue, what is personal, time zone).
        """
        units = [u.code for u in self.work.register.tree(self.period).units]
        of_unit = content_of_units(self.work.warehouse, self.work.catalogue, self.parameters, [*units, ""])
        rests_on, digests = self.work.rests_on, {}
        for scope, units in self.members.items():
            parts = [rests_on, duckdb.__version__, self.figures[scope]]
            parts += [of_unit.get(u, "") for u in units]
            if (self.is_unreachable or self.signing) and not versions(self.root / scope):
                # The one stands on the page of the next interim report no more; once published, the other makes no new.
                parts += ["mailbox unreachable"] if self.is_unreachable else []
                parts += [repr(sign_off) for sign_off in self._signing_of(scope)]
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
        same, is_over = self.unchanged(), self.is_over
        return {
            s: units
            for s, units in self.members.items()
            # A cut-off that is moved on after the deadline report keeps no supplement back.
            if s not in same or (is_over and latest_version(self.root / s) == INTERIM)
        }

    def take(self, drawn: Mapping[str, Drawn]) -> dict[str, tuple[str, Path]]:
        """Put versions that were drawn beforehand beside their places: of each scope its name and its folder there;
        "" and no such folder where the one that stands shall stand. What is not whole, or another version than is to be
        made now, is left alone.
        """
        taken = {}
        for scope, one in drawn.items():
            if one.version == "" and versions(self.root / scope):
                taken[scope] = "", one.folder
            elif one.version == self._next(scope)[0] and _is_whole(one.folder):
                building = self._building(scope)
                building.parent.mkdir(exist_ok=True)
                shutil.move(one.folder, building)
                taken[scope] = one.version, building
        return taken

    # ------------------------------------------------------------------------------------------------------ drafts
    def drafts(self, wanted: Mapping[str, list[str]]) -> Iterator[_Draft]:
        """The versions that are to be made of some scopes, each as soon as its last unit was read: some hundred units
        at a time.
        """
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
            asked = [unit for _, run in runs for unit in run]
            tables = read_tables(self.work.warehouse, self.work.catalogue, self.parameters, asked)
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

    def _signing_of(self, scope: str) -> list[SignOff]:
        """The offices of a scope that are asked to sign: its own, and those below."""
        tree = self.work.register.tree(self.period)
        return [s for s in self.signing if tree.is_within(s.scope, scope)]

    def _building(self, scope: str) -> Path:
        return self.to / scope if self.to else self.root / scope / f".building-{os.getpid()}"

    def _next(self, scope: str) -> tuple[str, str]:
        """Which version of a scope the next one is, and of which kind."""
        published = versions(self.root / scope)
        if published:  # also before a cut-off that was moved since: readers would be left with what is known otherwise
            return f"v{int(published[-1][1:]) + 1}", "supplement"
        return ("v1", "deadline") if self.is_over else (INTERIM, "interim")

    def _draft(self, scope: str) -> _Draft | None:
        """The version that is to be made of the tables just written; None where the one that stands shall stand."""
        folder, building, figures = self.root / scope, self._building(scope), json.loads(self.figures[scope])
        published = versions(folder)
        changes: tuple[Change, ...] = ()
        version, kind = self._next(scope)
        if published:
            before = folder / published[-1]
            if _same_content(before, figures, building):
                shutil.rmtree(building)
                return None
            causes = Causes(before, self._rests(before))
            units = [EVERYBODY if unit == self.parameters["carrier"] else unit for unit in self.members[scope]]
            changes = tuple(
                changes_since(before, figures, building, causes, units, self._was_of_units, self._is_of_units)
            )
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
            mailbox_unreachable=self.is_unreachable,
            unsigned=tuple(s.name for s in self._signing_of(scope) if s.signed_at is None),
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
        # After the version was compared with the one before: decisions that change nothing make none.
        write_decisions(building / "data", self._decisions_of(scope))
        return _Draft(header, summary, building)

    @cached_property
    def _collected(self) -> dict[str, str]:
        """How the collecting went on which the version rests, by source (outputs.md, summary.json)."""
        rows = self.work.warehouse.rows("select source, state from sixth.staging.collected order by source desc")
        return {row["source"]: row["state"] for row in rows}

    # ----------------------------------------------------------------------------------------- what a version rests on
    @cached_property
    def _mails(self) -> list[Mail]:
        """Every mail of the period, and those of earlier months that carried-over figures rest on, in the order of
        receipt.
        """
        of_month = self.work.warehouse.rows(
            """
            select
                m.mail,
                m.received_at,
                m.unit_code as unit,
                m.copies,
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
        )
        earlier = self.work.warehouse.rows(model("settled/carried_mails"), self.parameters)
        names = {u.code: u.name for u in self.work.register.tree(self.period).units}
        carried = [{"units": [r["unit"]], "name": names.get(r["unit"]), "earlier": True, **r} for r in earlier]
        zone = self.work.deadline.zone
        return [
            Mail(
                sha256=row["mail"],
                received_at=row["received_at"].astimezone(zone),
                unit=row["unit"],
                units=frozenset({row["unit"], *(u for u in row["units"] if u)}),
                name=row["name"] or "",
                copies=row.get("copies", 0),
                earlier=row.get("earlier", False),
            )
            for row in (*carried, *of_month)
        ]

    @cached_property
    def _on(self) -> dict[str, str]:
        """What a version rests on beside mails and decisions, each by a digest, as its manifest has it."""
        work = self.work
        settings = repr((sorted(work.form_versions), sorted(work.score_weights.items()), work.coverage_percent))
        return {
            "register": work.register.in_force(self.period).digest,
            "rules": work.catalogue.digest,
            "settings": _sha256(settings.encode()),
            "code": made_by(work.catalogue),
        }

    def _rests(self, before: Path) -> Rests:
        """What a version rests on, beside what the one before did."""
        manifest = json.loads((before / "manifest.json").read_text(encoding="utf-8"))
        was = manifest.get("rests_on", {}).get("register", "")
        register = self.work.register.in_force(self.period)
        kept = self.kept(was) if was and was != register.digest else None
        return Rests(
            mails=self._mails,
            decisions=decisions_in_force(self.work.warehouse, self.parameters),
            on=self._on,
            software=self.work.software,
            scopes=frozenset(self.members),
            edits=edits(kept, register, self.period) if kept and is_period(self.period) else (),
        )

    @cached_property
    def _is_of_units(self) -> dict[str, dict[str, Any]]:
        """The figures of every unit, those alone that are something; under "" what is nobody's."""
        found = summaries_of_units(self.work.warehouse, self.work.catalogue, self.parameters)
        carrier = self.parameters["carrier"]
        return {
            EVERYBODY if unit == carrier else unit: {path: value for path, value in flatten(figures) if value}
            for unit, figures in found.items()
        }

    @cached_property
    def _was_of_units(self) -> dict[str, dict[str, Any]]:
        """The same as the versions that stand count them; nothing where that is forgotten."""
        if not self.work.warehouse.exists("core.unit_figures"):
            return {}
        rows = self.work.warehouse.rows(
            "select unit_code, figures from core.unit_figures where period = $period", self.parameters
        )
        return {r["unit_code"]: json.loads(r["figures"]) for r in rows}

    # ------------------------------------------------------------------------------------------------------ finishing
    @cached_property
    def _decisions(self) -> pl.DataFrame:
        """The decisions in force that bear on the period."""
        return read_decisions(self.work.warehouse, self.work.catalogue, self.parameters)

    def _decisions_of(self, scope: str) -> pl.DataFrame:
        return self._decisions.filter(pl.col("unit_code").is_in(self.members[scope]))

    def complete(self, draft: _Draft, documents: Mapping[str, bytes]) -> None:
        """Complete a version beside its place."""
        scope = draft.header.scope
        of_scope = frozenset(self.members[scope])
        mails = [
            {"sha256": m.sha256, "received_at": m.received_at.isoformat(), "unit": m.unit, "copies": m.copies}
            for m in self._mails
            if scope == self.parameters["carrier"] or m.units & of_scope
        ]
        zone = self.work.deadline.zone
        signatures = [
            {
                "scope": s.scope,
                "scope_name": s.name,
                "signed_by": s.signed_by,
                "signed_at": s.signed_at and s.signed_at.astimezone(zone).isoformat(),
            }
            for s in self._signing_of(scope)
        ]
        _write(draft, documents, mails, self._decisions_of(scope), self.work.catalogue, self._on, signatures)

    def remember_units(self) -> None:
        """Book the figures of units that the versions made now count."""
        rows = [(self.period, unit, json.dumps(figures)) for unit, figures in self._is_of_units.items()]
        schema = dict.fromkeys(("period", "unit_code", "figures"), pl.String)
        self.work.warehouse.put(
            "core.unit_figures", pl.DataFrame(rows, schema=schema, orient="row"), period=self.period
        )


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


def _is_whole(folder: Path) -> bool:
    """Whether a version that was drawn beforehand lies there as its manifest says."""
    try:
        return verify(folder).is_as_published
    except (OSError, ValueError):
        return False


def _same_content(before: Path, figures: Mapping[str, Any], building: Path) -> bool:
    """Whether a published version counts the same: its figures, and every row of data/."""
    manifest = json.loads((before / "manifest.json").read_text(encoding="utf-8"))
    digests = {f["path"]: f["sha256"] for f in manifest["files"]}
    return figures_of(json.loads((before / "summary.json").read_text(encoding="utf-8"))) == figures and all(
        digests.get(path.relative_to(building).as_posix()) == sha256_of(path) for path in building.glob("data/*.csv")
    )


def _write(
    draft: _Draft,
    documents: Mapping[str, bytes],
    mails: list[dict[str, Any]],
    decisions: pl.DataFrame,
    catalogue: Catalogue,
    rests_on: Mapping[str, str],
    signatures: Sequence[Mapping[str, Any]],
) -> None:
    """Complete a version beside its place."""
    header, building = draft.header, draft.building
    described = describe(building / "data", catalogue, header.period, header.scope, header.version)
    (building / "data" / DESCRIPTION).write_bytes(described)
    summary = json.dumps(draft.summary, ensure_ascii=False, indent=1).encode() + b"\n"
    for path, content in {**documents, "summary.json": summary}.items():
        (building / path).parent.mkdir(exist_ok=True)
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
        "rests_on": dict(rests_on),
        "mails": mails,
        "decisions": decisions.select("key", "kind", pl.col("unit_code").alias("unit"), "decided_at").to_dicts(),
        **({"signatures": list(signatures)} if signatures else {}),
        "files": [{"path": path, "bytes": p.stat().st_size, "sha256": sha256_of(p)} for path, p in files],
    }
    (building / "manifest.json").write_bytes(json.dumps(manifest, ensure_ascii=False, indent=1).encode() + b"\n")
