"""A small month with something for stewards to decide in each unit, and the command line to do it with.

Belongs here: the mails of the month, running it, deciding in it. Does not: asserting what comes of it.
"""

from __future__ import annotations

import json
import time
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from assets.instance.home import Home
from pipelines.listing import findings_of
from pipelines.rehearsal import Settled
from reports.publishing.changes import flatten
from tests.feedback import made_month
from tests.jobs.command_line import apart, copy_of, shared, sixth
from tests.jobs.expected import latest, table
from tests.jobs.undrawn import stand_in
from tests.scans.made_scans import SEALED, UNSEALED, made_scan
from tests.templates.filled_forms import FIRST_ROW, Change, cell, changed, cover_cell, filled_forms

PERIOD, FOLLOWING, CARRIER = "2026-10", "2026-11", "C"
EVENING, DECIDED = "2026-11-05T20:00:00+08:00", "2026-11-05T21:00:00+08:00"
AFTER, NEXT_DAY = "2026-11-06T00:30:00+08:00", "2026-11-07T02:00:00+08:00"
REASON = "已电话核实，原件属实"
# What is wrong with the return of each unit.
DROPPED, RETURNED, UNREADABLE, NO_SCAN, UNSEALED_SCAN, LATE, HELD, TWICE = (f"U{n}" for n in range(1, 9))
RULE_OF = {DROPPED: "GEN-02", RETURNED: "CVR-07", UNREADABLE: "SIG-03", NO_SCAN: "SIG-01", TWICE: "GEN-05"}
FLAGGED = (DROPPED, "AST-03")


def _mail(
    made: made_month.Home, unit: str, forms: dict[str, bytes], scan: bytes | None, received: str, sender: str = ""
) -> None:
    message = EmailMessage()
    message["From"], message["To"] = sender or f"{unit.lower()}@oa.example", "wlaq@oa.example"
    message["Subject"], message["Message-ID"] = f"{unit} 月报 {received}", f"<{unit}-{received}@oa.example>"
    message["Received"] = f"from oa by mx; {received} +0800"
    message.set_content("见附件")
    for key, content in forms.items():
        message.add_attachment(content, "application", "octet-stream", filename=f"{key}.xlsx")
    if scan is not None:
        message.add_attachment(scan, "image", "jpeg", filename="扫描件.jpg")
    inbox = made.root / "inbox"
    inbox.mkdir(exist_ok=True)
    (inbox / f"{unit}-{received.replace(':', '')}.eml").write_bytes(message.as_bytes())


def _in_assets(values: dict[int, dict[str, Any]], cover: dict[str, Any] | None = None) -> Change:
    """Write values, by row from 0 and column, into the assets of an annex 2, and answers onto its cover."""
    catalogue = made_month.load_catalogue()
    form = catalogue.form("annex2")

    def change(book: openpyxl.Workbook) -> None:
        sheet, rows = book["暴露面资产新增"], catalogue.sheets["exposed_assets"]
        for row, entered in values.items():
            for key, value in entered.items():
                sheet[cell(sheet, rows, key, FIRST_ROW + row)].value = value
        front = book[form.cover_title]
        for key, value in (cover or {}).items():
            front[cover_cell(front, form, key)].value = value

    return change


def _forms(made: made_month.Home, unit: str, change: Change | None = None, period: str = PERIOD) -> dict[str, bytes]:
    forms = filled_forms(made.unit(unit), made.catalogue, made.register, int(unit[1:]))
    del forms["annex6"]
    if change:
        forms["annex2"] = changed(forms["annex2"], change)
    if period != PERIOD:
        for key in forms:
            form = made.catalogue.form(key)

            def dated(book: openpyxl.Workbook, form: Any = form) -> None:
                front = book[form.cover_title]
                front[cover_cell(front, form, "period")].value = period

            forms[key] = changed(forms[key], dated)
    return forms


HIGH_RISK: dict[int, dict[str, Any]] = {1: {"ports": "22"}}
FAULTS: dict[str, Change] = {
    DROPPED: _in_assets({0: {"ports": "http"}, **HIGH_RISK}),
    RETURNED: _in_assets({}, {"has_exposed_assets": "无"}),
    TWICE: _in_assets({1: {"public_ip": "203.0.113.17", "ports": "80,443", "url": "https://w8-1.example.cn/"}}),
}


def make_month(root: Path) -> Path:
    """A home with the mails of the month in its inbox."""
    made = made_month.home(root, RULE_OF | dict.fromkeys((UNSEALED_SCAN, LATE, HELD), ""))
    scans = {unit: made_scan(SEALED[0], int(unit[1:])) for unit in (DROPPED, RETURNED, LATE, HELD, TWICE)}
    scans |= {UNREADABLE: b"\xff\xd8\xff no picture", UNSEALED_SCAN: made_scan(UNSEALED[0], 5)}
    for unit in (*RULE_OF, UNSEALED_SCAN, LATE, HELD):
        received = "Fri, 6 Nov 2026 10:00:00" if unit == LATE else f"Tue, 3 Nov 2026 09:0{unit[1:]}:00"
        sender = "stranger@elsewhere.example" if unit == HELD else ""
        _mail(made, unit, _forms(made, unit, FAULTS.get(unit)), scans.get(unit), received, sender)
    return root


def evening(factory: pytest.TempPathFactory, to: Path) -> Path:
    """A copy of the month on the evening before the cut-off, after a run in a process of its own, as those that are
    killed; made once for all tests that begin there.
    """

    def make(root: Path) -> None:
        home = make_month(root / "home")
        begun = time.monotonic()
        apart("run", "--home", home, "--period", PERIOD, "--as-of", EVENING)
        (root / "seconds").write_text(str(time.monotonic() - begun))

    return copy_of(shared(factory, "evening", make) / "home", to)


def seconds_of_a_run(factory: pytest.TempPathFactory) -> float:
    """How long that run took here: runs are killed at any moment of that."""
    return float((shared(factory, "evening", _there) / "seconds").read_text())


def _there(root: Path) -> None:
    raise AssertionError(f"{root} is made by evening()")


def undecided(factory: pytest.TempPathFactory, to: Path) -> Path:
    """A copy of that month after the deadline report of the day after, with nothing decided; of reports the page alone."""

    def make(root: Path) -> None:
        evening(factory, root)
        with pytest.MonkeyPatch.context() as patch:
            stand_in(patch, page=True)
            run(root, NEXT_DAY)

    return copy_of(shared(factory, "undecided", make), to)


def send_again(root: Path, period: str, received: str) -> None:
    """The unit with the dropped row sends its return once more, with the same faults, for a month."""
    made = made_month.Home(root, made_month.load_register(root / "register"), made_month.load_catalogue())
    scan = made_scan(SEALED[0], 100 + int(period[5:]))
    _mail(made, DROPPED, _forms(made, DROPPED, FAULTS[DROPPED], period), scan, received)


def run(home: Path, as_of: str, period: str = PERIOD) -> None:
    """The main job."""
    sixth("run", "--home", home, "--period", period, "--as-of", as_of)


def command(*arguments: str, check: int = 0) -> str:
    """Run a command; what it printed, or where it was refused what it said."""
    done = sixth(*arguments, check=check)
    return done.stderr if check else done.stdout


def decide(home: Path, *arguments: str, at: str = DECIDED, by: str = "王晓燕", reason: str = REASON) -> list[str]:
    """Decide something, without waiting for what will come of it; the keys of the decisions."""
    unseen = () if arguments[0] == "note" else ("--no-preview",)
    told = command(*arguments, "--by", by, "--reason", reason, "--home", str(home), "--as-of", at, *unseen)
    return [line.split()[0] for line in told.splitlines() if not line.startswith(" ")]


def refusal(home: Path, *arguments: str, at: str = DECIDED, by: str = "王晓燕", reason: str = REASON) -> str:
    """What is said of a decision that is refused."""
    return command(*arguments, "--by", by, "--reason", reason, "--home", str(home), "--as-of", at, check=2)


def decide_all(home: Path, *, reverse: bool = False) -> list[str]:
    """One decision of each kind, in either order; their keys."""
    decisions: list[tuple[str, ...]] = [
        ("waive", of(home, DROPPED)),
        ("waive", of(home, RETURNED)),
        ("waive", of(home, UNREADABLE), of(home, NO_SCAN)),
        ("waive", of(home, *FLAGGED)),
        ("confirm-seal", UNSEALED_SCAN, "--period", PERIOD),
        ("assign", held_mail(home)[:12], "--unit", HELD),
        ("extend", LATE, "--period", PERIOD, "--until", "2026-11-09T00:00"),
        ("note", f"{LATE}/{PERIOD}"),
    ]
    return [key for one in (reversed(decisions) if reverse else decisions) for key in decide(home, *one)]


def settled(home: Path, carrier: str = CARRIER) -> Settled:
    """What the runs of a home came to, read from its warehouse as it lies there."""
    with duckdb.connect(str(home / "warehouse" / "sixth.duckdb"), read_only=True) as warehouse:
        rows = warehouse.sql(
            "select period, finding_id, unit_code, rule_id, severity, effect, status from core.findings"
        )
        found = [dict(zip(rows.columns, row, strict=True)) for row in rows.fetchall()]
        results = warehouse.sql("select period, unit_code, state, on_time, score from marts.unit_results").fetchall()
        summaries = warehouse.sql(f"select period, summary from marts.summaries where scope = '{carrier}'").fetchall()
    told = {None: "", True: " on time", False: " late"}
    return Settled(
        {f["finding_id"]: f for f in found},
        {(period, unit): state + told[on_time] for period, unit, state, on_time, _ in results},
        {(period, unit): score for period, unit, _, _, score in results},
        {(period, path): value for period, text in summaries for path, value in flatten(json.loads(text))},
    )


def findings(home: Path, period: str = PERIOD) -> list[dict[str, Any]]:
    """The findings of the month as of the last run."""
    return findings_of(Home(home), period)


def of(home: Path, unit: str, rule: str = "") -> str:
    """The first finding of a unit on the rule that it was made to fail."""
    wanted = rule or RULE_OF[unit]
    return str(next(f["finding_id"] for f in findings(home) if (f["unit_code"], f["rule_id"]) == (unit, wanted)))


def held_mail(home: Path) -> str:
    """The mail from an address that nobody has."""
    return str(next(f["mail"] for f in findings(home) if f["rule_id"] == "ENV-01"))


def log_of(home: Path) -> dict[str, str]:
    """What became of every decision, by key."""
    return {d["key"]: d["state"] for d in json.loads(command("decisions", "--home", str(home), "--format", "json"))}


def units(home: Path, period: str = PERIOD) -> dict[str, dict[str, str]]:
    """data/units.csv of the carrier's latest version, by unit."""
    return {row["unit_code"]: row for row in table(latest(home, period, CARRIER), "units")}


def figures(home: Path) -> dict[str, Any]:
    """The carrier's latest summary without what says which version it is of."""
    told = json.loads((latest(home, PERIOD, CARRIER) / "summary.json").read_text(encoding="utf-8"))
    return {k: v for k, v in told.items() if k not in ("version", "kind", "as_of", "$schema")}
