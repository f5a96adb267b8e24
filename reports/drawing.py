"""The second round of shards: what is drawn of a settled month by shard beforehand, and taken over by the head.

When the head has settled a month it copies its warehouse as it stands, and asks every shard for the reports of its
scopes and the answers to its units that are not there yet, the rest also for the snapshots. A shard draws them of the
copy, by the very functions with which the head would, into its own folder. The head decides, before and after, which
versions there are, and puts everything into its place at once with what it drew itself. What a shard has not done, or
has done of another copy, with another register or by other software, is not looked at.

Belongs here: asking, drawing, and saying where what was drawn lies. Does not: how a report or an answer is made, and
taking it over (publishing/, feedback/, portal/); who works on shards (pipelines/).
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cache, partial
from importlib.metadata import requires, version
from pathlib import Path
from uuid import uuid4

from assets.instance.closed_months import kept_register
from assets.instance.durable import write_durably
from assets.instance.home import Home
from assets.instance.progress import reporter
from assets.instance.session import Session
from assets.instance.warehouse import warehouse_over
from assets.intake.shards import REST, cut
from assets.month.gate import require_settled
from assets.month.settle import as_indexed
from assets.month.shards import OtherVersion, software_of
from assets.month.signing import SignOff, asked_to_sign
from assets.month.work import Work
from reports.feedback.folders import address_of, digests_of_answers, draw_feedback, stale_answers
from reports.forms.beside import with_documents
from reports.forms.pool import render_all
from reports.portal.snapshot import draw_snapshots, stale_snapshots
from reports.publishing.publish import Drawn, Gather, Render, draw_versions, to_be_made
from reports.report.first_page import gather

ASKED, DRAWN, BY = "asked.json", "drawn.json", "drawn"  # in a shard's folder; `drawn`: a folder for each copy
REPORTS, ANSWERS, SNAPSHOTS = "reports", "answers", "portal"  # within that
CHANGED = ("core.scope_units",)  # that some figures are asked for with other scopes (assets/month/summary.py)


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a shard is asked to draw of a month: of which copy of the warehouse, by the clock of the run; the scopes of
    which a version may be due, the answers and snapshots that are, each with the digest of what it rests on. With which
    software it is to be done, and what else all of it rests on (`basis`).
    """

    name: str
    period: str
    as_of: str
    lang: str
    copy: str
    software: str
    basis: str
    scopes: tuple[str, ...] = ()
    answers: Mapping[str, str] = field(default_factory=dict)
    snapshots: Mapping[str, str] = field(default_factory=dict)
    apply_register: tuple[str, ...] = ()

    @property
    def clock(self) -> datetime:
        """The clock of the run."""
        return datetime.fromisoformat(self.as_of)

    @property
    def asked(self) -> str:
        """Names this asking: no other has it, whichever night or shard."""
        return f"{self.copy}.{self.name}"


@dataclass(frozen=True, slots=True)
class Drew:
    """How many things a shard drew: reports, answers, snapshots."""

    reports: int
    answers: int
    snapshots: int


@dataclass(frozen=True, slots=True)
class Printing:
    """How the reports of a month are made: see `publish`."""

    gather: Gather
    render: Render
    signing: Sequence[SignOff]
    page_of: Callable[[str], str] | None


def printing_of(session: Session, work: Work, period: str) -> Printing:
    """How the settings of a home want the reports of a month."""
    parameters = work.parameters(period)
    return Printing(
        partial(gather, work.warehouse, work.catalogue, parameters),
        with_documents(render_all, session.settings.documents, work, period, parameters),
        asked_to_sign(session, work, period),
        address_of if session.settings.feedback else None,
    )


# -------------------------------------------------------------------------------------------------------------- asking
def ask(session: Session, period: str) -> list[Drawing]:
    """Ask shards for what is to be drawn of a settled month; nothing of those that have no part in it.

    Raises NotSettled.
    """
    home, settings, work = session.home, session.settings, session.once(as_indexed)
    require_settled(work, period)
    forget(home)
    signing = asked_to_sign(session, work, period)
    scopes = to_be_made(work, period, home.published, signing)
    answers: dict[str, str] = {}
    if settings.feedback:
        digests = digests_of_answers(work, period, software=work.software, lang=session.lang, limits=settings.limits)
        answers = stale_answers(digests, home.published / period / "feedback")
    snapshots = stale_snapshots(work, home.portal)
    of = cut(work.register.tree(period), settings.shards.most_units)
    names = {of.get(code, REST) for code in (*scopes, *answers)} | ({REST} if snapshots else set())
    if not names:
        return []
    copy, software, basis = uuid4().hex, drawn_by(work), _basis(session, work, signing)
    asked = [
        Drawing(
            name=name,
            period=period,
            as_of=work.as_of.isoformat(),
            lang=session.lang,
            copy=copy,
            software=software,
            basis=basis,
            scopes=tuple(scope for scope in scopes if of.get(scope, REST) == name),
            answers={unit: digest for unit, digest in answers.items() if of.get(unit, REST) == name},
            snapshots=snapshots if name == REST else {},
            apply_register=tuple(session.apply_register),
        )
        for name in sorted(names)
    ]
    home.shards.mkdir(exist_ok=True)
    work.warehouse.copy_to(copied(home, copy))
    for one in asked:
        (home.shards / one.name).mkdir(exist_ok=True)
        write_durably(home.shards / one.name / ASKED, json.dumps(asdict(one), ensure_ascii=False) + "\n")
    return asked


def copied(home: Home, copy: str) -> Path:
    """Where a copy of the warehouse lies that is drawn of."""
    return home.shards / f"settled-{copy}.duckdb"


def drawings(home: Home) -> list[Drawing]:
    """What shards were asked for last, by name."""
    found = []
    for file in sorted(home.shards.glob(f"*/{ASKED}")):
        with suppress(FileNotFoundError):  # it is taken away at this moment
            told = json.loads(file.read_text(encoding="utf-8"))
            lists = {name: tuple(told[name]) for name in ("scopes", "apply_register")}
            found.append(Drawing(**{**told, **lists}))
    return found


def waiting(home: Home) -> list[Drawing]:
    """What shards are asked for and have not done, and can still do."""
    return [one for one in drawings(home) if copied(home, one.copy).exists() and not is_drawn(home, one)]


def is_drawn(home: Home, drawing: Drawing) -> bool:
    """Whether a shard has drawn what it was asked for."""
    return _told(home, drawing) is not None


def _told(home: Home, drawing: Drawing) -> dict[str, str] | None:
    """The versions that a shard says it has drawn, by scope; None where it has not."""
    try:
        told = json.loads((home.shards / drawing.name / DRAWN).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    versions: dict[str, str] = told["versions"]
    return versions if told["copy"] == drawing.copy else None


def close(home: Home) -> None:
    """Take away the copies: whoever has not begun to draw need not any more."""
    for file in home.shards.glob("settled-*.duckdb*"):
        file.unlink(missing_ok=True)


def forget(home: Home) -> None:
    """Take away what was asked for and drawn in other runs."""
    close(home)
    for name in (ASKED, DRAWN):
        for file in home.shards.glob(f"*/{name}"):
            file.unlink(missing_ok=True)
    for folder in home.shards.glob(f"*/{BY}/"):
        shutil.rmtree(folder, ignore_errors=True)  # who is still at it writes there; the rest goes next night


@cache
def _libraries() -> str:
    """The libraries that Sixth asks for, in the versions that are installed."""
    names = {re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in requires("sixth") or () if ";" not in line}
    return repr(sorted((name, version(name)) for name in names))


@cache
def _texts() -> str:
    """Digest of all that this room has to draw with: modules, texts, templates, fonts."""
    found, room = hashlib.sha256(), Path(__file__).parent
    for path in sorted(room.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            found.update(f"{path.relative_to(room).as_posix()}\0".encode())
            found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def drawn_by(work: Work) -> str:
    """Names what draws: with another one not every byte would be the same."""
    return hashlib.sha256("|".join((software_of(work), _texts(), _libraries())).encode()).hexdigest()[:16]


def _basis(session: Session, work: Work, signing: Sequence[SignOff]) -> str:
    """Digest of what else is drawn from: register, settings, signatures."""
    return hashlib.sha256(f"{work.rests_on}|{session.settings!r}|{signing!r}".encode()).hexdigest()


# ------------------------------------------------------------------------------------------------------------- drawing
def draw(home: Home, name: str) -> Drew | None:
    """Draw what a shard was asked for last; None where that is done, or nobody waits for it any more.

    Raises OtherVersion, ValueError where the register, settings or signatures were edited since it was asked for, and
    what drawing raises.
    """
    found = [one for one in waiting(home) if one.name == name]
    if not found:
        return None
    (drawing,) = found
    folder = home.shards / name
    to = folder / BY / drawing.copy
    shutil.rmtree(to, ignore_errors=True)  # of one that was killed over it
    to.mkdir(parents=True)
    with warehouse_over(copied(home, drawing.copy), folder / "scratch", CHANGED) as warehouse:
        session = Session(home, warehouse, drawing.clock, None, drawing.lang, apply_register=drawing.apply_register)
        work = session.once(as_indexed)
        if drawn_by(work) != drawing.software:
            raise OtherVersion(
                f"shard {name} is asked to draw by another version of Sixth, of its texts or of its libraries than is "
                f"installed here ({drawn_by(work)}, wanted {drawing.software}): install the head's on every worker"
            )
        printing = printing_of(session, work, drawing.period)
        if _basis(session, work, printing.signing) != drawing.basis:
            raise ValueError(f"shard {name}: register, settings or signatures are not what they were when it was asked")
        versions = draw_versions(
            work,
            drawing.period,
            home.published,
            printing.gather,
            printing.render,
            drawing.lang,
            partial(kept_register, home),
            printing.signing,
            printing.page_of,
            drawing.scopes,
            to / REPORTS,
        )
        answered = draw_feedback(
            work,
            drawing.period,
            home.archive,
            to / ANSWERS,
            drawing.answers,
            lang=drawing.lang,
            limits=session.settings.limits,
            progress=lambda done, of: reporter(f"marking workbooks of {name}", done, of),
        )
        draw_snapshots(work, drawing.snapshots, to / SNAPSHOTS)
    write_durably(folder / DRAWN, json.dumps({"copy": drawing.copy, "versions": versions}) + "\n")
    return Drew(sum(map(bool, versions.values())), len(answered.changed), len(drawing.snapshots))


# --------------------------------------------------------------------------------------------------- what was drawn
def drawn_reports(home: Home, asked: Sequence[Drawing]) -> dict[str, Drawn]:
    """The versions that were drawn by those who were asked, by scope."""
    return {
        scope: Drawn(version, home.shards / one.name / BY / one.copy / REPORTS / scope)
        for one in asked
        for scope, version in (_told(home, one) or {}).items()
    }


def drawn_answers(home: Home) -> list[Path]:
    """The folders of answers that were drawn last; each answer tells by itself what it rests on."""
    return [folder / ANSWERS for folder in _drawn(home)]


def drawn_snapshots(home: Home) -> list[Path]:
    """The same of snapshots."""
    return [folder / SNAPSHOTS for folder in _drawn(home)]


def _drawn(home: Home) -> list[Path]:
    return [home.shards / one.name / BY / one.copy for one in drawings(home) if is_drawn(home, one)]
