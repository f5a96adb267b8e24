"""A unit's pages: what to mend, in its own words; what it sent; checking files and sending them.

Belongs here: what a unit sees and sends. Does not: how findings are told (reports/feedback/answer.py), what is done
with files (uploads.py).
"""

from __future__ import annotations

import contextlib
import io
import threading
import zipfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
from starlette.datastructures import UploadFile
from starlette.responses import FileResponse, RedirectResponse, Response

from assets.instance.periods import preceding
from assets.instance.register import Unit
from assets.intake.mail.archive import path_of
from assets.ledger import audit
from assets.ledger.models import TO_UNITS
from assets.ledger.queue import notices
from assets.month.findings.explanations import ACCEPTED, verdicts
from expectations.catalogue import Catalogue
from expectations.language import DEFAULT
from expectations.messages import reason_text
from reports.blank.forms import blank_forms
from reports.feedback.answer import COLUMNS, Wording, groups_of, is_open, placed, said_sheet
from reports.feedback.folders import PAGE
from reports.feedback.grouping import Folding
from reports.feedback.marking.listing import list_workbook
from reports.portal.access import NothingYet, NotThere, Refused, Visit
from reports.portal.own_routes import ROLE
from reports.portal.reading import Row, Snapshot, opened, periods
from reports.portal.snapshot import carried_of
from reports.portal.uploads import KINDS, File, NotChecked, check, mail_of, named, put_into_inbox

SAYS = "说明"
PARTS = ("timeliness", "data_quality", "self_check", "rectification", "indicators")
UPLOADS_SHOWN = 500
_filling = threading.Semaphore(1)  # blank forms, one unit at a time: each takes some processor time
UPLOAD_DAYS = 40  # an upload that no run has seen is told of that long


def own(visit: Visit) -> Response:
    """The unit's month: what became of it, what to mend first, what to check, what was sent."""
    portal, units = visit.portal, visit.who.scopes(ROLE)
    there = periods(portal.home.portal)
    period = visit.asked("period") or (there[0] if there else "")
    wanted = visit.asked("unit")
    if (wanted and wanted not in units) or (visit.asked("period") and period not in there):
        raise NotThere
    if not there:
        return _before_its_first_month(visit, wanted)
    with opened(portal.home.portal, period, units) as snapshot:
        nodes = [node for code in units if (node := snapshot.one("node", unit_code=code))]
        node = next((n for n in nodes if n["unit_code"] == wanted), None) if wanted else next(iter(nodes), None)
        if node is None and visit.asked("period"):
            raise NotThere
        if node is None:
            return _before_its_first_month(visit, wanted)
        told = _told(snapshot, node)
        about = snapshot.about
    code = node["unit_code"]
    wording = Wording(portal.catalogue, visit.lang, period)
    groups = groups_of(_lines(told["findings"], portal.catalogue), wording)
    check_groups = [g for g in groups if g["severity"] not in ("critical", "error")]
    return visit.page(
        "own.html.jinja",
        node=node,
        nodes=nodes,
        period=period,
        periods=there,
        about=about,
        must=[g for g in groups if g["severity"] in ("critical", "error")],
        check=check_groups,
        can_say=any(line["finding"] for g in check_groups for block in g["blocks"] for line in block["lines"]),
        parts=_parts(visit, told["result"]) if told["result"] else [],
        answers=_answers(portal.home.published / period / "feedback" / code),
        notices=notices(portal.reader, period, TO_UNITS, code),
        waiting=_waiting(visit, code),
        kinds=", ".join(KINDS),
        open_period=_open_period(visit),
        done=visit.asked("sent"),
        said=visit.asked("said"),
        **told,
    )


def _before_its_first_month(visit: Visit, wanted: str) -> Response:
    """The page of a unit of which no run has seen a month yet: it may fetch its blank forms, check and send already."""
    period = _open_period(visit)
    mine = [unit for code in visit.who.scopes(ROLE) if (unit := _registered(visit, code, (period,)))]
    unit = next((u for u in mine if u.code == wanted), None) if wanted else next(iter(mine), None)
    if unit is None:
        raise NotThere if wanted else NothingYet
    return visit.page(
        "own_first.html.jinja",
        unit=unit,
        waiting=_waiting(visit, unit.code),
        kinds=", ".join(KINDS),
        open_period=period,
        done=visit.asked("sent"),
    )


def _told(snapshot: Snapshot, node: Row) -> dict[str, Any]:
    place = node["place"]
    return {
        "result": snapshot.one("unit", place=place),
        "findings": snapshot.rows("findings_of_unit", place=place),
        "forms": snapshot.rows("forms", place=place),
        "scans": snapshot.rows("scans", place=place),
        "months": snapshot.rows("months", place=place),
    }


def _lines(findings: Sequence[Row], catalogue: Catalogue) -> list[Any]:
    """The findings as the unit's answer folds them."""
    rows = [{name: row[name] for name in COLUMNS} for row in findings]
    return Folding(catalogue).lines([placed(row, "", catalogue) for row in rows])


def _parts(visit: Visit, result: Row) -> list[tuple[str, float, float]]:
    """The parts of the score, each with its points and the most that there are."""
    weights = visit.portal.settings.score
    return [
        (visit.words.name("score_parts", part), float(result[f"score_{part}"] or 0), float(getattr(weights, part)))
        for part in PARTS
    ]


def _answers(folder: Path) -> list[str]:
    """The files of the unit's answer: its own workbooks, marked."""
    files = (f.name for f in folder.glob("*") if f.is_file() and not f.name.startswith(".") and f.name != PAGE)
    return sorted(files) if folder.is_dir() else []


def _open_period(visit: Visit) -> str:
    """The month whose returns come in now."""
    return preceding(f"{visit.now.astimezone(visit.portal.zone):%Y-%m}")


def _waiting(visit: Visit, unit: str) -> list[dict[str, str]]:
    """What was sent here and no run has archived yet: when, and the mail that it became."""
    since = (visit.now - timedelta(days=UPLOAD_DAYS)).isoformat()
    lines = audit.latest(visit.portal.reader, UPLOADS_SHOWN, act="upload", begins=f"{unit} ")
    sent = [{"at": line.at, "mail": line.what.split()[1], "who": line.who} for line in lines if line.at > since]
    return [line for line in sent if not path_of(line["mail"], visit.portal.home.archive).exists()]


def answer(visit: Visit) -> Response:
    """A workbook of the unit's own, with the failing cells marked, or the page with all that there is to mend."""
    period, unit, name = (str(visit.request.path_params[part]) for part in ("period", "unit", "file"))
    folder = visit.portal.home.published / period / "feedback" / unit
    if unit not in visit.who.scopes(ROLE) or period not in periods(visit.portal.home.portal):
        raise NotThere
    if name not in (*_answers(folder), PAGE) or not (folder / name).is_file():
        raise NotThere
    visit.told("download", f"{period}/feedback/{unit}/{name}")
    return FileResponse(folder / name, filename=name)


# ------------------------------------------------------------------------------------------------- checking and sending
def check_before(visit: Visit) -> Response:
    """What would become of some files, were they sent now; nothing is kept."""
    unit, files = _unit(visit), _files(visit)
    say = visit.words.say
    try:
        verdict = check(visit.portal.home, files, unit, _open_period(visit), visit.lang)
    except NotChecked as failed:
        if failed.reason == "busy":
            raise Refused(say("own.busy"), 503) from failed
        why = reason_text(failed.reason, visit.portal.catalogue, visit.lang)
        raise Refused(say("own.not_checked", why=why)) from failed
    visit.told("check", f"{unit} {len(files)} files, {'would be returned' if verdict.is_rejected else 'good'}")
    return visit.page("checked.html.jinja", verdict=verdict, files=[f.name for f in files], unit=unit)


def send(visit: Visit) -> Response:
    """The return itself: a mail in the inbox, received now."""
    unit, files = _unit(visit), _files(visit)
    sha256 = _mailed(visit, unit, files, _open_period(visit), "报送")
    visit.told("upload", f"{unit} {sha256} {len(files)} files")
    return RedirectResponse(f"/own?unit={unit}&sent={sha256[:12]}", 303)


def _mailed(visit: Visit, unit: str, files: Sequence[File], period: str, what: str) -> str:
    """Put a mail of the unit's mailbox into the inbox, received now; its sha256. Raises Refused without a mailbox."""
    portal, now = visit.portal, visit.now.astimezone(visit.portal.zone)
    registered = _registered(visit, unit, (_open_period(visit), period))
    if registered is None:
        raise NotThere
    if not registered.mailboxes:
        raise Refused(visit.words.say("own.no_mailbox"))
    month = portal.words(DEFAULT).month(period)
    raw = mail_of(
        portal.home,
        files,
        mailbox=registered.mailboxes[0],
        to=portal.settings.mailbox,
        subject=f"{registered.name} {month} 网络安全月报（门户{what}）",
        text=f"{registered.name}（{unit}）由 {visit.who.display} 在门户{what}，附件 {len(files)} 个。",
        by=visit.who.name,
        address=visit.address,
        now=now,
    )
    return put_into_inbox(portal.home, raw, now)


# --------------------------------------------------------------------------------------------------------- explaining
def explain(visit: Visit) -> Response:
    """What a unit says of warnings: a list of them with its words, sent as if it came back by mail."""
    unit, period, say = _unit(visit), visit.sent("period"), visit.words.say
    portal = visit.portal
    if period not in periods(portal.home.portal):
        raise NotThere
    with opened(portal.home.portal, period, [unit]) as snapshot:
        node = snapshot.one("node", unit_code=unit)
        findings = snapshot.rows("findings_of_unit", place=node["place"]) if node else []
    lines = {x.first.finding_id: x for x in _lines(findings, portal.catalogue) if is_open(x)}
    said = {}
    for name, line in lines.items():
        text = visit.written(f"say-{name}")
        if text and text != line.first.reason:
            said[name] = text
    if not said:
        raise Refused(say("own.nothing_said"))
    told = pl.DataFrame(
        [("", "", at, text) for at, text in enumerate(said.values())],
        schema=["mail", "form_id", "line", "text"],
        orient="row",
    )
    judged = verdicts(told, portal.catalogue)
    if wrong := [(text, verdict) for text, verdict in zip(said.values(), judged, strict=True) if verdict != ACCEPTED]:
        raise Refused(say(f"own.explain.{wrong[0][1]}", text=wrong[0][0]))
    wording = Wording(portal.catalogue, DEFAULT, period)
    heading = f"{node['unit_name'] if node else unit} {period} {SAYS}"
    book = File(f"{heading}.xlsx", list_workbook(said_sheet(heading, lines, said, wording)))
    sha256 = _mailed(visit, unit, [book], period, SAYS)
    visit.told("upload", f"{unit} {sha256} {len(said)} explanations")
    return RedirectResponse(f"/own?period={period}&unit={unit}&said={len(said)}", 303)


# -------------------------------------------------------------------------------------------------------- blank forms
def blank(visit: Visit) -> Response:
    """The blank forms of the month whose returns come in now, packed: as `sixth template` writes them, but for the
    names of who prepared and checked the last return.
    """
    code, portal, period = visit.asked("unit"), visit.portal, _open_period(visit)
    register = portal.register
    unit = _registered(visit, code, (period,))
    if code not in visit.who.scopes(ROLE) or unit is None:
        raise NotThere
    before = None
    with contextlib.suppress(FileNotFoundError), opened(portal.home.portal, preceding(period), [code]) as snapshot:
        node = snapshot.one("node", unit_code=code)
        row = snapshot.one("carried", place=node["place"]) if node else None
        before = carried_of(row["known"]) if row else None
    with _filling:
        files = blank_forms(
            unit,
            period,
            portal.catalogue,
            register,
            before,
            deadline=portal.settings.deadline(register),
            mailbox=portal.settings.mailbox,
            lang=visit.lang,
        )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    headers = {"content-disposition": f'attachment; filename="{period}-{code}-blank.zip"'}
    return Response(packed.getvalue(), media_type="application/zip", headers=headers)


def _unit(visit: Visit) -> str:
    unit = visit.sent("unit")
    if unit not in visit.who.scopes(ROLE):
        raise NotThere
    return unit


def _registered(visit: Visit, unit: str, months: Sequence[str]) -> Unit | None:
    """The unit as the register has it now, by which the intake will know its mailbox: in the first of some months that
    it reports in.
    """
    register = visit.portal.register
    found = (register.tree(month).by_code.get(unit) for month in months)
    return next((u for u in found if u and u.level == "unit"), None)


def _files(visit: Visit) -> list[File]:
    """The files that were sent. Raises Refused where there is none, or one of a kind that is not taken."""
    say = visit.words.say
    files = []
    for sent in visit.form.getlist("files"):
        if isinstance(sent, UploadFile) and sent.filename:
            name = named(sent.filename)
            if not name.lower().endswith(KINDS):
                raise Refused(say("own.kind", name=name, kinds=", ".join(KINDS)))
            files.append(File(name, sent.file.read()))
    if not files:
        raise Refused(say("own.no_files"))
    return files
