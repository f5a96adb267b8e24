"""`sixth check`: a unit's own check of its files before it sends them. No home, no network, no Great Expectations.

The files go through the very stages that a mail goes through, in a warehouse of their own that is thrown away. With a
home, its register, settings and overrides are those of a run; without one, a register is made up from the cover, and
what only a register can tell is not asked. Nor is, either way, what only the mail, other months or other units can tell
(`needs` in rules.yaml). Belongs here: that. Does not: the words (precheck.py).
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

from assets.instance.clock import now as machine_now
from assets.instance.home import Home
from assets.instance.periods import Deadline, is_period, last_day, preceding
from assets.instance.register import FOREVER, Register, Unit, load_register
from assets.instance.settings import Settings, load_settings
from assets.instance.warehouse import passing_warehouse
from assets.intake import staging
from assets.intake.forms import hinted_form
from assets.intake.mail.kinds import extension_of
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
from reports.feedback.answer import COLUMNS
from reports.feedback.precheck import Checked, CheckedFile

UNKNOWN_UNIT = "UNIT"
SENDER = "unit@check.invalid"
# Blocks that no register makes a carrier's own: private, shared, loopback, link-local and multicast (commands.md).
NEVER_PUBLIC = frozenset(
    {"10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/4"}
    | {"::1/128", "fc00::/7", "fe80::/10", "ff00::/8"}
)


class FileUnreadable(Exception):
    """A file that was named is not there or may not be read."""

    exit_status = 2


class UnitUnknown(Exception):
    """The unit that was named does not report in the month, by the register of the home."""

    exit_status = 2


@dataclass(frozen=True)
class _Against:
    """What the files are held against: a home's own, or what stands for it."""

    catalogue: Catalogue
    settings: Settings
    register: Register | None

    @property
    def known(self) -> frozenset[str]:
        """What rules may need and is at hand (rules.yaml, `needs`)."""
        return frozenset({"register"}) if self.register else frozenset()


def check_files(
    files: Sequence[Path],
    *,
    unit: str = "",
    period: str = "",
    home: Home | None = None,
    lang: str = DEFAULT,
    now: datetime | None = None,
) -> Checked:
    """Check workbooks and scans as one mail would bring them.

    `unit` and `period` go before what the covers say. `now` (aware) is the clock, by default the machine's. Raises
    FileUnreadable, UnitUnknown, and with a `home` what its register, settings and overrides raise.
    """
    against = _against(home)
    parser = Parser(against.catalogue, against.settings.limits, against.settings.seal, "check")
    parsed = _parse(files, parser)
    month = period or _entered(parsed, "period") or preceding(f"{now or machine_now():%Y-%m}")
    code = (unit or _entered(parsed, "unit_code") or UNKNOWN_UNIT).upper()
    register, sender = _register(against, code, month, is_asked=bool(unit))
    clock = max(now or machine_now(), _just_after(month))
    with tempfile.TemporaryDirectory(prefix="sixth-check-") as folder:
        found, forms = _settle(parsed, parser, against, register, month, clock, Path(folder))
    return Checked(
        unit_code=sender.code,
        unit_name=sender.name if against.register else "",
        period=month,
        findings=tuple(found),
        forms=forms,
        files=tuple(file for path in files for file in _files(path, parsed, parser.catalogue, files)),
        catalogue=against.catalogue,
        lang=lang,
    )


def _against(home: Home | None) -> _Against:
    if home is not None:
        settings = load_settings(home.register / "settings.yaml")
        return _Against(load_catalogue(home.register), settings, load_register(home.register))
    catalogue = load_catalogue()
    # Which items are asked of the unit is the register's to say: any known item may be answered here. So is which
    # addresses are the carrier's: only those are asked about that can be nobody's.
    private = catalogue.rules["AST-01"]
    blocks = [block for block in private.parameters["blocks"] if block in NEVER_PUBLIC]
    catalogue = replace(
        catalogue,
        items=tuple(replace(i, kinds=None, services=None, protection=False) for i in catalogue.items),
        rules={**catalogue.rules, private.id: replace(private, parameters={**private.parameters, "blocks": blocks})},
    )
    return _Against(catalogue, Settings(), None)


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


def _files(path: Path, parsed: ParsedMail, catalogue: Catalogue, others: Sequence[Path]) -> Iterator[CheckedFile]:
    """What was found in a file; of an archive, in each file of it that holds a form or a scan."""
    forms: dict[str, list[str]] = {}
    for _, attachment, form, key in parsed.forms:
        forms.setdefault(attachment.name, []).extend([key] if form is not None else [])
    scans = {attachment.name: scan.state for attachment, scan in parsed.scans}
    within = (
        [n for n in {**forms, **scans} if n not in {p.name for p in others}]
        if extension_of(path.name) == ".zip"
        else []
    )
    for name in within or [path.name]:
        hint = hinted_form(name, catalogue) or ""
        yield CheckedFile(name, tuple(forms.get(name, ())), scans.get(name, ""), hint)


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


def _register(against: _Against, code: str, period: str, *, is_asked: bool) -> tuple[Register, Unit]:
    """The register by which the mail is booked, with the unit that sends it.

    Of a home, its own, in which the unit has the made-up mailbox; a code that it does not have is found by CVR-01.
    Without one, a carrier with one unit of which everything is allowed that a register would have to say.
    """
    if against.register is None:
        carrier = Unit("CARRIER", "—", "", "carrier", "", frozenset(), (), period, FOREVER, 2)
        unit = Unit(code, "—", "CARRIER", "unit", "county", frozenset({"im"}), (SENDER,), period, FOREVER, 3)
        return Register((carrier, unit), (), period, frozenset(), {}, {}, {}, "check"), unit
    register = against.register
    known = register.tree(period).by_code.get(code)
    if known is None and is_asked:
        raise UnitUnknown(f"--unit {code}: no unit of that code on the register for {period}")
    if known is None:
        carrier_code = register.tree(period).carrier
        known = Unit(UNKNOWN_UNIT, code, carrier_code, "unit", "county", frozenset(), (), period, period, 0)
        register = replace(register, units=(*register.units, known), _trees={})
    sender = replace(known, mailboxes=(SENDER,))
    units = tuple(sender if unit is known else unit for unit in register.units)
    return replace(register, units=units, _trees={}), sender


def _settle(
    parsed: ParsedMail,
    parser: Parser,
    against: _Against,
    register: Register,
    period: str,
    clock: datetime,
    folder: Path,
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The findings that may be asked of these files, and the state of each form in them."""
    settings, catalogue = against.settings, against.catalogue
    weights: dict[str, Any] = asdict(settings.score)
    with passing_warehouse(folder / "scratch") as warehouse:
        work = Work(
            warehouse, catalogue, register, settings.deadline(register) if against.register else Deadline(),
            settings.accepted_versions(catalogue), weights, clock, software="check", parsed_by="check",
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
            f"""
            select {", ".join(f'"{name}"' for name in COLUMNS)}, message
            from core.all_findings
            where period = $period and status in ('open', 'explained')
            order by form, file, sheet_key, row, column_key, rule_id, finding_id
            """,
            {"period": period},
        )
        states = warehouse.rows(
            "select form, status from core.submissions where period = $period order by form, status = 'effective'",
            {"period": period},
        )
    asked = [row for row in rows if against.known.issuperset(catalogue.rules[row["rule_id"]].needs)]
    return asked, {row["form"]: row["status"] for row in states}
