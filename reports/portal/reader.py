"""The reader's pages: published reports of the scopes granted, in each form; versions; tokens, and what they fetch.

Belongs here: finding what is published within somebody's scopes, and handing it out. Does not: making it (publishing/).
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response

from assets.instance.periods import is_period, is_span, months_of
from assets.ledger import audit, people
from assets.ledger.people import PeopleError
from reports.portal.access import NothingYet, NotThere, Refused, Routes, Visit, holder_of
from reports.portal.reading import Row, Snapshot, opened, periods, within
from reports.portal.shared import Portal
from reports.portal.signing import signed_off
from reports.portal.summaries import told_of
from reports.publishing.versions import INTERIM, latest_version, versions

ROLE = "reader"
DOCUMENTS = ("html", "xlsx", "docx", "pdf")
FILES = {**{form: f"report.{form}" for form in DOCUMENTS}, "json": "summary.json", "manifest": "manifest.json"}
TABLES = ("csv", "parquet")
MOST_CHANGES = 40


def add_to(routes: Routes) -> None:
    """Add the routes."""
    routes.add("/reports", reports, ROLE)
    routes.add("/reports/{period}/{scope}/{version}/{form}", download, ROLE)
    routes.add("/tokens", tokens, ROLE)
    routes.add("/tokens", change_tokens, ROLE, method="POST")


# ---------------------------------------------------------------------------------------------------- what is published
def visible(portal: Portal, period: str, scopes: Sequence[str]) -> Iterator[Row]:
    """The scopes with a report of a month, half-year or year that lie within some scopes, in the order of the tree: of
    a longer time by the tree of its last month. None where no run has made a snapshot of that month.
    """
    with contextlib.suppress(FileNotFoundError), _opened(portal, period, scopes) as snapshot:
        nodes = snapshot.rows("nodes")
        yield from (node for node in nodes if latest_version(portal.home.published / period / node["unit_code"]))


def is_visible(portal: Portal, period: str, scopes: Sequence[str], scope: str) -> bool:
    """Whether a scope is one of those."""
    with contextlib.suppress(FileNotFoundError), _opened(portal, period, scopes) as snapshot:
        node = snapshot.one("node", unit_code=scope)
        folder = portal.home.published / period / scope
        return node is not None and node["level"] != "unit" and latest_version(folder) is not None
    return False


def _opened(portal: Portal, period: str, scopes: Sequence[str]) -> AbstractContextManager[Snapshot]:
    """The snapshot of a month, of a longer time that of its last. Raises FileNotFoundError."""
    return opened(portal.home.portal, months_of(period)[-1] if is_span(period) else period, scopes)


def published_periods(portal: Portal) -> list[str]:
    """What has a report: months and longer times, the latest month first, longer times after."""
    folders = portal.home.published.iterdir() if portal.home.published.is_dir() else ()
    names = [folder.name for folder in folders if is_period(folder.name) or is_span(folder.name)]
    return sorted(names, key=lambda name: (not is_span(name), name), reverse=True)


def found(portal: Portal, scopes: Sequence[str], period: str, scope: str, version: str, form: str) -> Path | None:
    """The file or folder of a form of a version within some scopes; None where there is none, whatever the reason."""
    if not is_visible(portal, period, scopes, scope):
        return None
    folder = portal.home.published / period / scope
    if version not in (*versions(folder), INTERIM):
        return None
    path = folder / version / ("data" if form in TABLES else FILES.get(form, ""))
    return path if form in (*TABLES, *FILES) and path.exists() else None


def handed_out(portal: Portal, path: Path, period: str, scope: str, version: str, form: str) -> Response:
    """A file, or the tables of one kind packed, as an attachment: nothing of ours runs in the portal's own pages."""
    name = f"{period}-{scope}-{version}"
    if form not in TABLES:
        kind = "manifest.json" if form == "manifest" else form
        return FileResponse(path, filename=f"{name}-{kind}" if form == "manifest" else f"{name}.{kind}")
    with tempfile.NamedTemporaryFile(prefix="sixth-", suffix=".zip", delete=False) as packed:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(path.glob(f"*.{form}")):
                archive.write(file, file.name)
        whole = Path(packed.name)
    return FileResponse(whole, filename=f"{name}-{form}.zip", background=BackgroundTask(whole.unlink, missing_ok=True))


# ----------------------------------------------------------------------------------------------------------- the pages
def reports(visit: Visit) -> Response:
    """The reports of a month: the scope's own in each form, those below it, what a supplement changed, earlier ones."""
    portal, scopes = visit.portal, visit.who.scopes(ROLE)
    there = {p: first for p in published_periods(portal) if (first := next(visible(portal, p, scopes), None))}
    if not there:
        raise NotThere if visit.asked("period") or visit.asked("scope") else NothingYet
    period = visit.asked("period") or next(iter(there))
    if period not in there:
        raise NotThere
    nodes = list(visible(portal, period, scopes))
    wanted = visit.asked("scope") or nodes[0]["unit_code"]
    node = next((n for n in nodes if n["unit_code"] == wanted), None)
    if node is None:
        raise NotThere
    folder = portal.home.published / period / wanted
    version = latest_version(folder) or INTERIM
    return visit.page(
        "reports.html.jinja",
        period=period,
        periods=list(there),
        node=node,
        nodes=nodes,
        version=version,
        summary=_json(folder / version / "summary.json"),
        files=_files(folder / version),
        lines=[_line(portal, period, n, node) for n in nodes],
        changes=_changes(visit, folder, versions(folder)),
        earlier=[_line(portal, p, first, first) | {"period": p} for p, first in there.items() if p != period],
        month=visit.words.month(period),
        offs=signed_off(portal, period, within(nodes, node), visit.now) if is_period(period) else [],
    )


def _files(folder: Path) -> dict[str, int]:
    """What a version holds, by form, with the bytes of each; of tables all of a kind together."""
    sizes = {form: (folder / name).stat().st_size for form, name in FILES.items() if (folder / name).exists()}
    for form in TABLES:
        if tables := list((folder / "data").glob(f"*.{form}")):
            sizes[form] = sum(table.stat().st_size for table in tables)
    return sizes


def _line(portal: Portal, period: str, node: Row, above: Row) -> dict[str, Any]:
    folder = portal.home.published / period / node["unit_code"]
    version = latest_version(folder) or INTERIM
    return {
        **told_of(folder / version),
        "node": node,
        "deeper": max(0, min(3, node["depth"] - above["depth"])),
        "version": version,
        "documents": [form for form in DOCUMENTS if (folder / version / FILES[form]).exists()],
    }


def _changes(visit: Visit, folder: Path, there: Sequence[str]) -> list[dict[str, Any]]:
    """Of every supplement, the latest first: the figures that differ from the version before, and what is new in it."""
    from reports.publishing.changes import figures_of, flatten  # noqa: PLC0415 - the warehouse's libraries come with it

    known = {d.key: d for d in visit.portal.log().decisions} if len(there) > 1 else {}
    found_changes = []
    for before, now in pairwise(there):
        was, is_now = (_json(folder / v / "summary.json") for v in (before, now))
        old, new = (_json(folder / v / "manifest.json") for v in (before, now))
        told = visit.portal.catalogue.texts["glossary"]["figures"]
        flat = [dict(flatten(figures_of(s))) for s in (was, is_now)]
        differing = [p for p in flat[1] if flat[0].get(p, 0) != flat[1][p]]
        figures = [
            (visit.words.name("figures", path), flat[0].get(path, 0), flat[1][path])
            for path in differing
            if path in told
        ]
        keys = {d["key"] for d in old["decisions"]}
        mails = {m["sha256"] for m in old["mails"]}
        found_changes.append(
            {
                "before": before,
                "now": now,
                "as_of": is_now["as_of"],
                "figures": figures[:MOST_CHANGES],
                "others": len(differing) - len(figures[:MOST_CHANGES]),
                "decisions": [known[d["key"]] for d in new["decisions"] if d["key"] not in keys and d["key"] in known],
                "mails": [m for m in new["mails"] if m["sha256"] not in mails],
            }
        )
    return found_changes[::-1]


def _json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def download(visit: Visit) -> Response:
    """One form of one version."""
    asked = tuple(str(visit.request.path_params[name]) for name in ("period", "scope", "version", "form"))
    path = found(visit.portal, visit.who.scopes(ROLE), *asked)
    if path is None:
        raise NotThere
    visit.told("download", "/".join(asked))
    return handed_out(visit.portal, path, *asked)


# --------------------------------------------------------------------------------------------------------------- tokens
def tokens(visit: Visit, made: str = "") -> Response:
    """The tokens of the person; one that was just made is shown this once."""
    return visit.page(
        "tokens.html.jinja",
        tokens=[token for token, _ in people.tokens(visit.portal.reader, visit.who.id)],
        scopes=scopes_of(visit),
        names=visit.portal.names,
        made=made,
        now=visit.now,
        longest=people.LONGEST_TOKEN_DAYS,
    )


def scopes_of(visit: Visit) -> list[Row]:
    """The scopes that a token or a subscription may be for: those within the person's, by the latest month."""
    latest = periods(visit.portal.home.portal)[:1]
    if not latest:
        return []
    with opened(visit.portal.home.portal, latest[0], visit.who.scopes(ROLE)) as snapshot:
        return snapshot.rows("nodes")


def change_tokens(visit: Visit) -> Response:
    """Make a token, or revoke one."""
    portal, say = visit.portal, visit.words.say
    if visit.sent("revoke"):
        number = visit.number("revoke")
        try:
            people.revoke_token(portal.ledger, number, visit.who.name, visit.now, owner=visit.who.id)
        except PeopleError as error:
            raise NotThere from error
        return RedirectResponse("/tokens", 303)
    scope, days = visit.sent("scope"), visit.sent("days")
    if scope not in {node["unit_code"] for node in scopes_of(visit)}:
        raise NotThere
    try:
        made = people.add_token(portal.ledger, visit.who.name, scope, int(days), visit.who.name, visit.now)
    except (PeopleError, ValueError) as error:
        raise Refused(say("tokens.days_wrong", n=people.LONGEST_TOKEN_DAYS)) from error
    return tokens(visit, made)


async def pull(portal: Portal, request: Request) -> Response:
    """`sixth pull --url`: a published file for a program that has a token; 401 without one, 404 for all else."""
    return await run_in_threadpool(_pulled, portal, request)


def _pulled(portal: Portal, request: Request) -> Response:
    now = datetime.now(UTC)
    who, scope = holder_of(portal, request, now)
    if who is None:
        headers = {"www-authenticate": "Bearer"}
        return PlainTextResponse("the token is unknown, revoked or no longer valid\n", 401, headers=headers)
    asked: Callable[[str], str] = lambda name: str(request.query_params.get(name, ""))[:40]  # noqa: E731
    period, wanted, form = asked("period"), asked("scope") or scope, asked("format") or "html"
    folder = portal.home.published / period / wanted
    may = all(is_visible(portal, period, scopes, wanted) for scopes in (who.scopes(ROLE), [scope]))
    version = asked("version") or (latest_version(folder) or "" if may else "")
    path = found(portal, who.scopes(ROLE), period, wanted, version, form) if may else None
    address = request.client.host if request.client else ""
    told: Mapping[str, Any] = {"outcome": "done" if path else "refused", "address": address, "now": now}
    audit.note(portal.ledger, who.name, "pull", f"{period}/{wanted}/{version}/{form}", **told)
    if path is None:
        return PlainTextResponse("there is no such report, or the token is not for it\n", 404)
    return handed_out(portal, path, period, wanted, version, form)
