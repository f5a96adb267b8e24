"""published/<period>/feedback/<unit_code>/: the answer to each unit, written where it has changed.

outputs.md, published/. Belongs here: reading a unit's rows and workbooks, writing its folder whole or not at all, on
all cores. Does not: what the answer says (feedback.py), how a workbook is marked (marking/), sending it.

A folder rests on the unit's rows, its workbooks, the texts, the limits and the software; their digest lies in it,
and while that stands it is not written again. The database hashes the rows, so that a unit without anything new costs
next to nothing.
"""

from __future__ import annotations

import binascii
import hashlib
import io
import logging
import os
import re
import shutil
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from assets.instance.limits import MIB, Limits
from assets.instance.warehouse import Warehouse, model
from assets.instance.workers import Died, run_isolated
from assets.intake.mail.archive import ArchiveError, load, path_of
from assets.intake.mail.message import parse_message
from assets.intake.mail.parts import content_at
from assets.month.gate import require_settled
from assets.month.work import Work
from expectations.catalogue import Catalogue
from reports.feedback.answer import (
    COLUMNS,
    Said,
    SentForm,
    SentWorkbook,
    UnitState,
    feedback_html,
    feedback_of,
    marks_of,
    sheet_of,
)
from reports.feedback.grouping import Folding
from reports.feedback.marking.listing import list_workbook
from reports.feedback.marking.workbook import mark_workbook
from reports.feedback.replacements import Replacement, SheetChange, sheet_changes

log = logging.getLogger(__name__)

PAGE = "feedback.html"
DIGEST = ".digest"
CHUNK = 500  # units whose rows are read at a time: memory stays flat however many there are
BATCH = 4  # units handed to a worker at a time
SECONDS = 120.0  # for one unit
MEMORY = 1536 * MIB  # of a worker
LONGEST_NAME = 80  # characters; a file system's 255 bytes hold as many Chinese ones
_TEXTS = ("feedback.yaml", "knock_on.yaml", "templates/feedback.html.jinja")
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_DEVICES = re.compile(r"(CON|PRN|AUX|NUL|COM\d|LPT\d)(\..*)?", re.IGNORECASE)  # names that Windows keeps to itself

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Written:
    """What a run did: the units whose folders it wrote, and those whose answers it could not make."""

    changed: tuple[str, ...]
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Task:
    """One unit for one worker: its state, findings (COLUMNS) and workbooks, and the digest of them."""

    unit: UnitState
    findings: tuple[tuple[Any, ...], ...]
    workbooks: tuple[SentWorkbook, ...]
    digest: str
    said: tuple[Said, ...] = ()
    marks: bool = True  # False: lists only, after marking killed a worker


@dataclass(frozen=True, slots=True)
class _Common:
    """What every answer depends on beside the unit's own rows, and where it goes."""

    catalogue: Catalogue
    limits: Limits
    lang: str
    archive: Path
    folder: Path


def address_of(unit_code: str) -> str:
    """Where the page of a unit lies, seen from the folder of a version of the same month (outputs.md)."""
    return f"../../feedback/{quote(safe_name(unit_code))}/{PAGE}"


def digests_of_answers(
    work: Work, period: str, *, software: str, lang: str = "zh", limits: Limits | None = None
) -> dict[str, str]:
    """By unit that sent something in a settled month, in the order of the register, a digest of all that its answer
    rests on; it lies in the folder of the answer.
    """
    parameters = work.parameters(period)
    rests_on = _rests_on(work.catalogue, limits or Limits(), lang, parameters, software)
    return {
        code: hashlib.sha256(f"{rests_on}|{found}".encode()).hexdigest()
        for code, found in _hashes(work.warehouse, parameters)
    }


def stale_answers(digests: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Those of the answers that are not in the folder as they should be."""
    return {code: digest for code, digest in digests.items() if _digest(folder / safe_name(code)) != digest}


def write_feedback(
    work: Work,
    period: str,
    archive: Path,
    folder: Path,
    *,
    software: str,
    lang: str = "zh",
    limits: Limits | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    drawn: Sequence[Path] = (),
) -> Written:
    """Write the answer to every unit of a settled month that sent something and whose answer is not there yet.

    `folder` is published/<period>/feedback; the folders of units that have no answer any more are removed. `drawn`:
    folders in which `draw_feedback` has made answers; those that rest on what they should are taken from there.
    `progress` is told units done and units in all. Raises NotSettled.
    """
    require_settled(work, period)
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(".*"):
        shutil.rmtree(left)
    digests = digests_of_answers(work, period, software=software, lang=lang, limits=limits)
    taken = _take(digests, drawn, folder)
    common = _Common(work.catalogue, limits or Limits(), lang, archive, folder)
    tasks = _tasks(work.warehouse, digests, work.parameters(period), folder, progress, work.catalogue)
    made = _write(tasks, common, workers)
    standing = {safe_name(code) for code in digests}
    with os.scandir(folder) as there:
        old = [entry.name for entry in there if entry.name not in standing]
    for name in old:
        if (folder / name / DIGEST).is_file():
            shutil.rmtree(folder / name)
    changed = {*taken, *made.changed}
    return Written(tuple(code for code in digests if code in changed), made.failed)


def draw_feedback(
    work: Work,
    period: str,
    archive: Path,
    to: Path,
    digests: Mapping[str, str],
    *,
    lang: str,
    limits: Limits,
    progress: Progress | None = None,
) -> Written:
    """Write the answers to some units, of which it is told what each rests on (`digests_of_answers`), into a folder of
    their own, for `write_feedback` to take.
    """
    to.mkdir(parents=True, exist_ok=True)
    common = _Common(work.catalogue, limits, lang, archive, to)
    return _write(_tasks(work.warehouse, digests, work.parameters(period), to, progress, work.catalogue), common, None)


def _take(digests: Mapping[str, str], drawn: Sequence[Path], folder: Path) -> list[str]:
    """Put answers that were drawn beforehand into their places; whose."""
    stale, taken = stale_answers(digests, folder) if drawn else {}, []
    for code, digest in stale.items():
        name = safe_name(code)
        for place in drawn:
            if _digest(place / name) == digest:
                building = folder / f".building-{name}"
                shutil.move(place / name, building)
                _replace(folder, name, building)
                taken.append(code)
                break
    return taken


def _write(tasks: Iterable[_Task], common: _Common, workers: int | None) -> Written:
    """Make the answers, and once more as lists alone where marking ended a worker."""
    changed: list[str] = []
    died: list[_Task] = []
    for task, outcome in _run(tasks, common, workers):
        if isinstance(outcome, Died):
            code = task.unit.unit_code
            log.warning(
                "marking for %s ended its worker (%s): %s", code, outcome.reason, outcome.detail, extra={"unit": code}
            )
            died.append(replace(task, marks=False))
        else:
            changed.append(task.unit.unit_code)
    failed: list[str] = []
    for task, outcome in _run(died, common, workers) if died else ():
        if isinstance(outcome, Died):
            code = task.unit.unit_code
            log.error("no feedback for %s (%s): %s", code, outcome.reason, outcome.detail, extra={"unit": code})
        (failed if isinstance(outcome, Died) else changed).append(task.unit.unit_code)
    return Written(tuple(changed), tuple(failed))


def _run(tasks: Iterable[_Task], common: _Common, workers: int | None) -> Iterator[tuple[_Task, Died | None]]:
    return run_isolated(
        _write_unit,
        tasks,
        workers=workers or os.cpu_count() or 1,
        batch=BATCH,
        seconds_per_task=SECONDS,
        memory_bytes=MEMORY,
        initializer=_start,
        initargs=(common,),
    )


def _rests_on(catalogue: Catalogue, limits: Limits, lang: str, parameters: Mapping[str, Any], software: str) -> str:
    """What every answer rests on beside the unit's own rows."""
    texts = hashlib.sha256(b"\0".join((Path(__file__).parent / name).read_bytes() for name in _TEXTS)).hexdigest()
    month = (parameters["period"], str(parameters["cutoff"]), parameters["timezone"])
    return "|".join((catalogue.digest, repr(limits), software, lang, texts, *month))


# ------------------------------------------------------------------------------------------------ the unit's rows
# The rows of the month. What stands in a query stands in the hash of a unit, but for what only orders the units.
_PARTS = ("units", "forms", "findings", "said", "replacements", "workbooks")  # sql/feedback/


def _rows() -> str:
    """The rows of the month that answers are made of, as common table expressions."""
    return ", ".join(f"{part} as ({model(f'feedback/{part}')})" for part in _PARTS)


def _hashes(warehouse: Warehouse, parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(unit_code, hash of its rows) for every unit that sent something this month, in register order."""
    hashed = "".join(
        f", {part}_hash as (select unit_code, sum(hash({part})) as {part} from {part} group by unit_code)"
        for part in _PARTS
    )
    query = f"""
        with {_rows()} {hashed}
        select r.unit_code, concat_ws('|', {", ".join(f"coalesce({part}, 0)" for part in _PARTS)})
        from marts.unit_results as r
        inner join units_hash using (unit_code)
        left join forms_hash using (unit_code)
        left join findings_hash using (unit_code)
        left join said_hash using (unit_code)
        left join replacements_hash using (unit_code)
        left join workbooks_hash using (unit_code)
        where r.period = $period
        order by r.position
    """
    return warehouse.execute(query, parameters).fetchall()


def _tasks(
    warehouse: Warehouse,
    digests: Mapping[str, str],
    parameters: Mapping[str, Any],
    folder: Path,
    progress: Progress | None,
    catalogue: Catalogue,
) -> Iterator[_Task]:
    """The units whose answer has changed, read chunk by chunk as workers become free."""
    codes = list(digests)
    for start in range(0, len(codes), CHUNK):
        chunk = codes[start : start + CHUNK]
        stale = list(stale_answers({code: digests[code] for code in chunk}, folder))
        tasks = _read(warehouse, stale, digests, parameters, catalogue) if stale else {}
        for done, code in enumerate(chunk, start + 1):
            if progress:
                progress(done, len(codes))
            if code in tasks:
                yield tasks[code]


def _read(
    warehouse: Warehouse,
    codes: list[str],
    digests: Mapping[str, str],
    parameters: Mapping[str, Any],
    catalogue: Catalogue,
) -> dict[str, _Task]:
    """What is told of these units."""
    wanted, zone = {**parameters, "codes": codes}, ZoneInfo(parameters["timezone"])

    def by_unit(query: str) -> dict[str, list[tuple[Any, ...]]]:
        """The rows of each unit; the query's first column is its code."""
        sql = f"with {_rows()} {query.replace('$these', '(select unnest($codes))')}"
        found: dict[str, list[tuple[Any, ...]]] = {code: [] for code in codes}
        for code, *row in warehouse.execute(sql, wanted).fetchall():
            found[code].append(tuple(row))
        return found

    forms = by_unit("select unit_code, form, state from forms where unit_code in $these order by unit_code, form")
    findings = by_unit(
        f"""
        select unit_code, {", ".join(f'"{name}"' for name in COLUMNS)} from findings where unit_code in $these
        order by unit_code, mail, form, file, sheet_key, row, rule_id, column_key, finding_id
        """
    )
    workbooks = by_unit(
        """
        select w.unit_code, w.mail, w.number, w.file, f.span, w.form, w.form_id, w.cover, coalesce(f.tables, '{}')
        from workbooks as w
        left join staging.forms as f using (form_id)
        where w.unit_code in $these
        order by w.unit_code, w.form, w.received_at, w.mail, w.number
        """
    )
    said = by_unit(
        """
        select unit_code, subject, text, verdict from said where unit_code in $these
        order by unit_code, received_at, mail, line, subject
        """
    )
    replaced = _replacements(
        warehouse, catalogue, by_unit("select * from replacements where unit_code in $these"), zone
    )
    units = by_unit("select * from units where unit_code in $these")
    tasks = {}
    for code in codes:
        ((name, state, on_time, rows_received, rows_counted, received_at, own_cutoff),) = units[code]
        unit = UnitState(
            period=parameters["period"],
            unit_code=code,
            unit_name=name,
            state=state,
            on_time=on_time,
            forms=tuple(forms[code]),
            rows_received=rows_received,
            rows_counted=rows_counted,
            cutoff=(own_cutoff or parameters["cutoff"]).astimezone(zone),
            received_at=received_at.astimezone(zone),
            replaced=replaced[code],
        )
        own = tuple(Said(*row) for row in said[code])
        tasks[code] = _Task(unit, tuple(findings[code]), _workbooks(workbooks[code]), digests[code], own)
    return tasks


def _replacements(
    warehouse: Warehouse, catalogue: Catalogue, rows: Mapping[str, Sequence[tuple[Any, ...]]], zone: ZoneInfo
) -> dict[str, tuple[Replacement, ...]]:
    """What each unit's forms replaced, with what changed; `rows`: sql/feedback/replacements.sql, by unit."""
    changes: dict[str, tuple[SheetChange, ...]] = {}
    for form in catalogue.forms:
        pairs = [(new, old) for own in rows.values() for kind, new, old, *_ in own if kind == form.key]
        changes |= sheet_changes(warehouse, catalogue, form.key, pairs)
    return {
        code: tuple(
            Replacement(form, at.astimezone(zone), file, changes[new])
            for form, new, _, at, file in sorted(own, key=lambda row: row[1])
        )
        for code, own in rows.items()
    }


def _workbooks(rows: Iterable[tuple[Any, ...]]) -> tuple[SentWorkbook, ...]:
    """The workbooks of a unit's latest submissions, with the forms in them."""
    forms: dict[tuple[str, int, str, tuple[int, int] | None], list[SentForm]] = {}
    for mail, number, file, span, *form in rows:
        forms.setdefault((mail, number, file, span and tuple(span)), []).append(SentForm(*form))
    return tuple(
        SentWorkbook(mail, number, file, tuple(own), span) for (mail, number, file, span), own in forms.items()
    )


def _digest(place: Path) -> str:
    try:
        return (place / DIGEST).read_text(encoding="ascii")
    except OSError:
        return ""


# ----------------------------------------------------------------------------------------------------- in the workers
_common: _Common | None = None
_folding: Folding | None = None


def _start(common: _Common) -> None:
    """Keep what every answer depends on in the worker process."""
    global _common, _folding
    _common, _folding = common, Folding(common.catalogue)


def _write_unit(task: _Task) -> None:
    """Make the answer to one unit and put it in its place."""
    assert _common is not None
    limits = _common.limits
    rows = (dict(zip(COLUMNS, row, strict=True)) for row in task.findings)
    feedback = feedback_of(task.unit, rows, task.workbooks, _common.catalogue, _common.lang, _folding, task.said)
    files: dict[str, bytes] = {}
    contents = _contents(task.workbooks, _common.archive, limits) if task.marks else {}
    for workbook in task.workbooks:
        content = contents.pop((workbook.mail, workbook.number), None)
        stem = Path(workbook.file).stem
        marked = None
        if content:
            sheet = sheet_of(feedback, workbook, is_marked=True)
            marked = mark_workbook(content, marks_of(feedback, workbook), sheet, limits)
        if marked:
            files[safe_name(stem, extension(marked), files)] = marked
        else:
            sheet = sheet_of(feedback, workbook, is_marked=False)
            suffix = feedback.wording.say("list_suffix")
            files[safe_name(stem + suffix, ".xlsx", files)] = list_workbook(sheet)
    page = feedback_html(feedback, list(files))
    files = {PAGE: page.encode(), **files, DIGEST: task.digest.encode()}
    _put(_common.folder, safe_name(task.unit.unit_code), files)


def _contents(workbooks: Iterable[SentWorkbook], archive: Path, limits: Limits) -> dict[tuple[str, int], bytes]:
    """The bytes of workbooks out of the archived mails; a mail is taken apart, once, where its files are not told."""
    contents: dict[tuple[str, int], bytes] = {}
    wanted: dict[str, set[int]] = {}
    for workbook in workbooks:
        if workbook.span:
            with suppress(OSError, binascii.Error):
                contents[workbook.mail, workbook.number] = content_at(workbook.span, path_of(workbook.mail, archive))
                continue
        wanted.setdefault(workbook.mail, set()).add(workbook.number)
    for mail, numbers in wanted.items():
        try:
            message = parse_message(load(mail, archive), limits)
        except (OSError, ArchiveError) as error:
            log.error("the archive lacks mail %s: %s", mail, error, extra={"mail": mail})
            continue
        contents |= {(mail, a.number): a.content for a in message.attachments if a.number in numbers}
    return contents


def extension(workbook: bytes) -> str:
    """The extension that a workbook must have for Excel to open it: of one with macros, .xlsm."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive:
        return ".xlsm" if b"macroEnabled" in archive.read("[Content_Types].xml") else ".xlsx"


def safe_name(stem: str, ending: str = "", taken: Iterable[str] = ()) -> str:
    """A file name for any system: no path, no reserved or unseen characters, not too long, unlike those taken."""
    visible = "".join(c for c in stem if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    base = _UNSAFE.sub("_", visible).strip(" .")[:LONGEST_NAME].strip(" .") or "_"
    if _DEVICES.fullmatch(base):
        base = f"_{base}"
    lower = {name.lower() for name in taken}
    name, n = base + ending, 1
    while name.lower() in lower:
        n += 1
        name = f"{base} ({n}){ending}"
    return name


def _put(folder: Path, name: str, files: Mapping[str, bytes]) -> None:
    """Write a folder beside its place and move it there."""
    building = folder / f".building-{name}"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    for file, content in files.items():
        (building / file).write_bytes(content)
    _replace(folder, name, building)


def _replace(folder: Path, name: str, building: Path) -> None:
    """Move a folder that lies beside its place there."""
    place, old = folder / name, folder / f".replaced-{name}"
    if place.exists():
        place.rename(old)
    building.rename(place)
    shutil.rmtree(old, ignore_errors=True)
