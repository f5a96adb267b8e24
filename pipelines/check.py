"""`sixth check`: a unit's own check of its files before it sends them. No home, no network, no Great Expectations.

The files go through the very stages that a mail goes through, in a warehouse of their own that is thrown away, with
a register made up from the cover. What only a real register or another month can tell is not asked: whose mailbox
it is, which items are asked of the unit (unless it is known), registered networks, earlier returns.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from assets.instance.clock import now as machine_now
from assets.instance.limits import Limits
from assets.instance.periods import Deadline, is_period, last_day, preceding
from assets.instance.register import FOREVER, Register, Unit
from assets.instance.settings import ScoreWeights, SealThresholds
from assets.instance.warehouse import open_warehouse
from assets.intake import staging
from assets.intake.mail.seen import Seen
from assets.intake.parsing import ParsedMail, Parser, parse_mail, write_tables
from assets.month.booking import book_month
from assets.month.findings.steps import check_month_across, check_month_forms
from assets.month.freshness import index_mails
from assets.month.marts import count_rows
from assets.month.settle import prepare
from assets.month.work import Work
from expectations.catalogue import Catalogue, load_catalogue
from expectations.language import DEFAULT
from expectations.messages import message

UNKNOWN_UNIT = "UNIT"
SENDER = "unit@check.invalid"
# What the files alone cannot tell: the sender, the register, other months and units, whether a scan is in the mail.
NOT_ASKED = frozenset(
    {"ENV-01", "ENV-02", "ENV-05", "CVR-02", "CVR-03", "CHK-02", "SIG-01", "AST-11", "AST-12", "APP-08", "REC-04"}
    | {"REC-05", "INC-05", "NDA-06", "CHK-09", "XFM-01", "XFM-02"}
)


class FileUnreadable(Exception):
    """A file that was named is not there or may not be read."""


@dataclass(frozen=True, slots=True)
class Checked:
    """Findings of all files, and whether a form would be returned or a row dropped."""

    findings: tuple[dict[str, Any], ...]
    files: int
    rejected: bool


def check_files(
    files: Sequence[Path], *, unit: str = "", period: str = "", lang: str = "zh", now: datetime | None = None
) -> Checked:
    """Check workbooks and scans as one mail would bring them.

    `unit` and `period` go before what the covers say. `now` (aware) is the clock, by default the machine's. Raises
    FileUnreadable.
    """
    catalogue = load_catalogue()
    # Which items are asked of the unit is the register's to say: any known item may be answered here.
    catalogue = replace(
        catalogue,
        items=tuple(replace(i, kinds=None, services=None, protection=False) for i in catalogue.items),
    )
    parser = Parser(catalogue, Limits(), SealThresholds(), "check")
    parsed = _parse(files, parser)
    month = period or _entered(parsed, "period") or preceding(f"{now or machine_now():%Y-%m}")
    code = (unit or _entered(parsed, "unit_code") or UNKNOWN_UNIT).upper()
    clock = max(now or machine_now(), _just_after(month))
    with tempfile.TemporaryDirectory(prefix="sixth-check-") as folder:
        found = _settle(parsed, parser, catalogue, code, month, clock, Path(folder))
    if lang != DEFAULT:
        for finding in found:
            words = {name: finding[name] for name in ("file", "sheet", "column", "value", "expected")}
            words["reason"] = finding["cause"]
            finding["message"] = message(catalogue.rules[finding["rule_id"]], words, catalogue, lang)
    rejected = any(f["effect"] in ("return", "drop") for f in found)
    return Checked(tuple(found), len(files), rejected)


def _parse(files: Sequence[Path], parser: Parser) -> ParsedMail:
    """The files as the attachments of one mail."""
    mail = EmailMessage()
    mail["From"] = SENDER
    mail.set_content("")
    for path in files:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise FileUnreadable(f"{path}: {error.strerror or error}") from error
        mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=path.name)
    raw = mail.as_bytes(policy=SMTP)
    return parse_mail(hashlib.sha256(raw).hexdigest(), raw, parser)


def _entered(parsed: ParsedMail, field: str) -> str:
    """The first value of a cover field in the files."""
    for _, _, form, _ in parsed.forms:
        reading = form.cover.get(field) if form else None
        if reading and reading.value and (field != "period" or is_period(str(reading.value))):
            return str(reading.value)
    return ""


def _just_after(period: str) -> datetime:
    """The first moment at which a return for the period can be received, and one day for other time zones."""
    return datetime.combine(last_day(period) + timedelta(days=2), datetime.min.time(), UTC)


def _register(code: str, period: str) -> Register:
    """A carrier with one unit of which everything is allowed that a register would have to say."""
    carrier = Unit("CARRIER", "—", "", "carrier", "", frozenset(), (), period, FOREVER, 2)
    unit = Unit(code, "—", "CARRIER", "unit", "county", frozenset({"im"}), (SENDER,), period, FOREVER, 3)
    everywhere = (ip_network("0.0.0.0/0"), ip_network("::/0"))
    return Register((carrier, unit), everywhere, period, frozenset(), {}, {}, {}, "check")


def _settle(
    parsed: ParsedMail, parser: Parser, catalogue: Catalogue, code: str, period: str, clock: datetime, folder: Path
) -> list[dict[str, Any]]:
    weights: dict[str, Any] = asdict(ScoreWeights())
    with open_warehouse(folder) as warehouse:
        work = Work(
            warehouse, catalogue, _register(code, period), Deadline(), frozenset({catalogue.form_version}), weights,
            clock, software="check", parsed_by="check",
        )  # fmt: skip
        staging.prepare(warehouse, parser)
        staging.put_receipts(warehouse, [Seen(parsed.mail, clock, 0)])
        incoming = folder / "incoming"
        incoming.mkdir()
        write_tables([parsed], parser, incoming, "files")
        staging.load(warehouse, incoming, ["files"])
        prepare(work)
        index_mails(work)
        book_month(work, period)
        check_month_forms(work, period)
        count_rows(work, period)
        check_month_across(work, period)
        rows = warehouse.rows(
            """
            select * exclude (counts, subject, form_id), case when row > 0 then row end as row_number
            from core.all_findings
            where period = $period
            order by file, sheet_key, row, column_key, rule_id
            """,
            {"period": period},
        )
    order = {sheet: n for n, sheet in enumerate(["", *catalogue.sheets])}
    asked = [r for r in rows if r["rule_id"] not in NOT_ASKED]
    return sorted(asked, key=lambda r: (r["file"], order[r["sheet_key"]], *_reading_order(r["cell"]), r["rule_id"]))


def _reading_order(cell: str) -> tuple[int, int, str]:
    """Row, then column, of an A1 place; what has none comes first."""
    letters = cell.rstrip("0123456789")
    return int(cell[len(letters) :] or 0), len(letters), letters


def lint_lines(checked: Checked) -> Iterable[str]:
    """One line a finding, as linters write them: file:sheet!cell: severity rule message."""
    for finding in checked.findings:
        place = finding["file"]
        if finding["sheet"]:
            place += f":{finding['sheet']}"
        if finding["cell"]:
            place += f"!{finding['cell']}"
        yield f"{place}: {finding['severity']} {finding['rule_id']} {finding['message']}"
