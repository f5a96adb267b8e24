"""The picture of a scan's page with its seal, for those who may see the unit's month.

Belongs here: who may, and making it in a process of its own, as the file is a stranger's. Does not: drawing
(drawn_page.py). Nothing is kept but in the memory of this process: the archive has the scan.
"""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

from starlette.responses import Response

from assets.instance.limits import Limits
from assets.instance.settings import SealThresholds
from assets.instance.workers import Died, run_isolated
from reports.portal import office
from reports.portal.access import NotThere, Refused, Routes, Visit
from reports.portal.asked import STEWARD, chosen_period, snapshot_of
from reports.portal.kept import LastUsed

AT_ONCE = 1
WAIT_SECONDS = 30.0
SECONDS = 10.0  # of processor time for one picture
KEPT = 100  # pictures of some 30 KB

Task = tuple[Path, str, int, Limits, SealThresholds]  # of the archive, a mail, and the number of its attachment

_drawing = threading.Semaphore(AT_ONCE)


class NotDrawn(Exception):
    """A scan of which no page can be drawn; `reason` is busy, no_page, or why the process ended."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def add_to(routes: Routes) -> None:
    """Add the routes."""
    routes.add("/units/{unit}/scans/{mail}/{number}", partial(scan, role=STEWARD), STEWARD)
    routes.add("/office/{unit}/scans/{mail}/{number}", partial(scan, role=office.ROLE), office.ROLE)


def scan(visit: Visit, role: str) -> Response:
    """The page of one scan of a unit's month."""
    code, mail, number = (str(visit.request.path_params[name]) for name in ("unit", "mail", "number"))
    with snapshot_of(visit, role, chosen_period(visit)) as snapshot:
        node = snapshot.one("node", unit_code=code)
        rows = snapshot.rows("scans", place=node["place"]) if node else []
    if not any((row["mail"], str(row["number"])) == (mail, number) for row in rows):
        raise NotThere
    portal = visit.portal
    try:
        picture = drawn(portal.home.archive, mail, int(number), portal.settings.limits, portal.settings.seal)
    except NotDrawn as error:
        raise Refused(visit.words.say(f"scan.{'busy' if error.reason == 'busy' else 'not_drawn'}")) from error
    return Response(picture, media_type="image/jpeg")


_kept = LastUsed[bytes | str](KEPT)  # by task the picture, or why there is none


def drawn(archive: Path, mail: str, number: int, limits: Limits, seal: SealThresholds) -> bytes:
    """The picture as JPEG, of attachment `number` of a mail of the archive. Raises NotDrawn.

    That none can be drawn is kept as a picture is: such a file would take all its time at every look.
    """
    task = archive, mail, number, limits, seal
    found = _kept.of(task)
    if found is None:
        if not _drawing.acquire(timeout=WAIT_SECONDS):
            raise NotDrawn("busy")
        try:
            found = _kept.of(task)  # somebody before us may have asked for the same
            if found is None:
                found = _made(task)
                _kept.keep(task, found)
        finally:
            _drawing.release()
    if isinstance(found, str):
        raise NotDrawn(found)
    return found


def _made(task: Task) -> bytes | str:
    """The picture, or the reason why there is none."""
    ((_, result),) = run_isolated(
        _drawn, [task], workers=1, batch=1, seconds_per_task=SECONDS, memory_bytes=task[3].file_memory_bytes
    )
    if isinstance(result, Died):
        return result.reason
    return "no_page" if result is None else result


def _drawn(task: Task) -> bytes | None:
    from assets.intake.mail.archive import load  # noqa: PLC0415 - this and the libraries of pictures in the worker alone
    from assets.intake.mail.message import parse_message  # noqa: PLC0415
    from reports.portal.drawn_page import drawn_page  # noqa: PLC0415

    archive, mail, number, limits, seal = task
    attachments = parse_message(load(mail, archive), limits).attachments
    content = next((a.content for a in attachments if a.number == number), b"")
    page = drawn_page(content, limits, seal)
    return page.picture if page else None
