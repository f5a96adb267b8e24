"""published/<period>/feedback/<unit_code>/: the answer to each unit, written where it has changed.

outputs.md, published/. Belongs here: reading a unit's rows and workbooks, writing its folder whole or not at all, on
all cores. Does not: what the answer says (feedback.py), how a workbook is marked (marking/), sending it.

A folder rests on the unit's rows, its workbooks, the texts and the software; their digest lies in it, and while that
stands it is not written again.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import re
import shutil
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from assets.isolation import Died, run_isolated
from assets.limits import MIB, Limits
from assets.mail.archive import ArchiveError, load
from assets.mail.message import parse_message
from assets.warehouse import Warehouse
from expectations.catalogue import Catalogue
from reports.feedback import (
    SentForm,
    SentWorkbook,
    UnitState,
    Wording,
    feedback_html,
    feedback_of,
    marks_of,
    sheet_of,
)
from reports.marking import list_workbook, mark_workbook

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
    """One unit for one worker."""

    unit: UnitState
    findings: tuple[Mapping[str, Any], ...]
    workbooks: tuple[SentWorkbook, ...]
    digest: str
    lang: str
    archive: Path
    folder: Path
    marks: bool = True  # False: lists only, after marking killed a worker


def write_feedback(
    warehouse: Warehouse,
    catalogue: Catalogue,
    parameters: Mapping[str, Any],
    archive: Path,
    folder: Path,
    *,
    software: str,
    lang: str = "zh",
    limits: Limits | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Written:
    """Write the answer to every unit of a settled month that sent something and whose answer is not there yet.

    `parameters` are those of the month (months.Work.parameters): period, cutoff, timezone. `folder` is
    published/<period>/feedback; the folders of units that have no answer any more are removed. `progress` is told
    units done and units in all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(".*"):
        shutil.rmtree(left)
    rests_on = _rests_on(catalogue, software, lang)
    units = _units(warehouse, parameters)
    changed: list[str] = []
    died: list[_Task] = []
    for task, outcome in _run(_tasks(warehouse, units, parameters, rests_on, lang, archive, folder, progress),
                              catalogue, limits, workers):  # fmt: skip
        if isinstance(outcome, Died):
            log.warning("marking for %s ended its worker (%s): %s", task.unit.unit_code, outcome.reason, outcome.detail)
            died.append(replace(task, marks=False))
        else:
            changed.append(task.unit.unit_code)
    failed: list[str] = []
    for task, outcome in _run(died, catalogue, limits, workers) if died else ():
        if isinstance(outcome, Died):
            log.error("no feedback for %s (%s): %s", task.unit.unit_code, outcome.reason, outcome.detail)
        (failed if isinstance(outcome, Died) else changed).append(task.unit.unit_code)
    standing = {safe_name(unit.unit_code) for unit in units}
    for old in folder.iterdir():
        if old.name not in standing and (old / DIGEST).is_file():
            shutil.rmtree(old)
    return Written(tuple(changed), tuple(failed))


def _run(
    tasks: Iterable[_Task], catalogue: Catalogue, limits: Limits | None, workers: int | None
) -> Iterator[tuple[_Task, Died | None]]:
    return run_isolated(
        _write_unit,
        tasks,
        workers=workers or os.cpu_count() or 1,
        batch=BATCH,
        seconds_per_task=SECONDS,
        memory_bytes=MEMORY,
        initializer=_start,
        initargs=(catalogue, limits or Limits()),
    )


def _rests_on(catalogue: Catalogue, software: str, lang: str) -> str:
    """Digest of what every answer rests on beside the unit's own rows."""
    texts = b"\0".join((Path(__file__).parent / name).read_bytes() for name in _TEXTS)
    return hashlib.sha256(f"{catalogue.digest}|{software}|{lang}|".encode() + texts).hexdigest()


# ------------------------------------------------------------------------------------------------ the unit's rows
def _units(warehouse: Warehouse, parameters: Mapping[str, Any]) -> list[UnitState]:
    """Every reporting unit that something came from in the month, in the order of the register."""
    forms: dict[str, list[tuple[str, str]]] = {}
    for row in warehouse.rows(
        "select unit_code, form, state from marts.unit_forms where period = $period order by unit_code, form",
        parameters,
    ):
        forms.setdefault(row["unit_code"], []).append((row["form"], row["state"]))
    zone = ZoneInfo(parameters["timezone"])
    return [
        UnitState(
            forms=tuple(forms.get(row["unit_code"], ())),
            cutoff=parameters["cutoff"].astimezone(zone),
            **{**row, "received_at": row["received_at"].astimezone(zone)},
        )
        for row in warehouse.rows(
            """
            with received as (
                select unit_code, received_at from core.submissions where period = $period
                union all
                select unit_code, received_at from core.mails where period = $period
                union all
                select unit_code, received_at from core.scans where period = $period
            ),
            latest as (
                select unit_code, max(received_at) as received_at from received group by unit_code
            )
            select
                r.period, r.unit_code, r.unit_name, r.state, r.on_time, r.rows_received, r.rows_counted, l.received_at
            from marts.unit_results as r
            inner join latest as l using (unit_code)
            where r.period = $period
            order by r.position
            """,
            parameters,
        )
    ]


def _tasks(
    warehouse: Warehouse,
    units: list[UnitState],
    parameters: Mapping[str, Any],
    rests_on: str,
    lang: str,
    archive: Path,
    folder: Path,
    progress: Progress | None,
) -> Iterator[_Task]:
    """The units whose answer has changed, read chunk by chunk as workers become free."""
    for start in range(0, len(units), CHUNK):
        chunk = units[start : start + CHUNK]
        wanted = {"period": parameters["period"], "codes": [u.unit_code for u in chunk]}
        findings: dict[str, list[dict[str, Any]]] = {}
        for row in warehouse.rows(
            """
            select * from core.all_findings
            where period = $period and list_contains($codes, unit_code) and status in ('open', 'explained')
            order by unit_code, mail, form, file, sheet_key, row, rule_id, column_key, finding_id
            """,
            wanted,
        ):
            findings.setdefault(row["unit_code"], []).append(row)
        workbooks = _workbooks(warehouse, wanted)
        for done, unit in enumerate(chunk, start + 1):
            if progress:
                progress(done, len(units))
            own, sent = tuple(findings.get(unit.unit_code, ())), workbooks.get(unit.unit_code, ())
            told = json.dumps([asdict(unit), own, [asdict(w) for w in sent], rests_on], default=str, sort_keys=True)
            digest = hashlib.sha256(told.encode()).hexdigest()
            if _digest(folder / safe_name(unit.unit_code)) != digest:
                yield _Task(unit, own, sent, digest, lang, archive, folder)


def _workbooks(warehouse: Warehouse, wanted: Mapping[str, Any]) -> dict[str, tuple[SentWorkbook, ...]]:
    """The workbooks of each unit's latest submissions, with the forms in them."""
    forms: dict[tuple[str, str, int, str], list[SentForm]] = {}
    for row in warehouse.rows(
        """
        select unit_code, mail, number, file, form, form_id, cover from core.submissions
        where period = $period and list_contains($codes, unit_code) and status in ('effective', 'returned')
        order by unit_code, form, received_at, mail, number
        """,
        wanted,
    ):
        key = (row["unit_code"], row["mail"], row["number"], row["file"])
        forms.setdefault(key, []).append(SentForm(row["form"], row["form_id"], row["cover"] or ""))
    found: dict[str, tuple[SentWorkbook, ...]] = {}
    for (unit, *rest), own in forms.items():
        found[unit] = (*found.get(unit, ()), SentWorkbook(*rest, tuple(own)))  # type: ignore[arg-type, call-arg]
    return found


def _digest(place: Path) -> str:
    try:
        return (place / DIGEST).read_text(encoding="ascii")
    except OSError:
        return ""


# ----------------------------------------------------------------------------------------------------- in the workers
_catalogue: Catalogue | None = None
_limits = Limits()


def _start(catalogue: Catalogue, limits: Limits) -> None:
    """Keep what every answer depends on in the worker process."""
    global _catalogue, _limits
    _catalogue, _limits = catalogue, limits


def _write_unit(task: _Task) -> None:
    """Make the answer to one unit and put it in its place."""
    assert _catalogue is not None
    feedback = feedback_of(task.unit, task.findings, task.workbooks, _catalogue, task.lang)
    suffix = Wording(_catalogue, task.lang).say("list_suffix")
    files: dict[str, bytes] = {}
    contents = _contents(task.workbooks, task.archive) if task.marks else {}
    for workbook in task.workbooks:
        content = contents.pop((workbook.mail, workbook.number), None)
        stem = Path(workbook.file).stem
        marked = None
        if content:
            sheet = sheet_of(feedback, workbook, _catalogue, is_marked=True)
            marked = mark_workbook(content, marks_of(feedback, workbook, _catalogue), sheet, _limits)
        if marked:
            files[safe_name(stem, extension(marked), files)] = marked
        else:
            sheet = sheet_of(feedback, workbook, _catalogue, is_marked=False)
            files[safe_name(stem + suffix, ".xlsx", files)] = list_workbook(sheet)
    page = feedback_html(feedback, _catalogue, list(files))
    _put(task.folder, safe_name(task.unit.unit_code), {PAGE: page.encode(), **files, DIGEST: task.digest.encode()})


def _contents(workbooks: Iterable[SentWorkbook], archive: Path) -> dict[tuple[str, int], bytes]:
    """The bytes of workbooks out of the archived mails, each mail taken apart once."""
    wanted: dict[str, set[int]] = {}
    for workbook in workbooks:
        wanted.setdefault(workbook.mail, set()).add(workbook.number)
    contents: dict[tuple[str, int], bytes] = {}
    for mail, numbers in wanted.items():
        try:
            message = parse_message(load(mail, archive), _limits)
        except (OSError, ArchiveError) as error:
            log.error("the archive lacks mail %s: %s", mail, error)
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
    building, old = folder / f".building-{name}", folder / f".replaced-{name}"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    for file, content in files.items():
        (building / file).write_bytes(content)
    place = folder / name
    if place.exists():
        place.rename(old)
    building.rename(place)
    shutil.rmtree(old, ignore_errors=True)
