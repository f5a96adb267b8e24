"""`sixth check`: a unit's own check of its files before it sends them. No home, no network, no Great Expectations.

The files go through the very stages that a mail goes through, in a warehouse of their own that is thrown away. With a
home, its register, settings and overrides are those of a run; without one, a register is made up from the cover, and
what only a register can tell is not asked. Nor is, either way, what only the mail, other months or other units can tell
(`needs` in rules.yaml). Belongs here: that. Does not: the words (precheck.py).
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
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
from assets.intake.forms import RecognisedForm, hinted_form
from assets.intake.mail.kinds import extension_of
from assets.intake.mail.message import Attachment
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
from reports.feedback.precheck import UNKNOWN_UNIT, Checked, CheckedFile

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

    `unit` and `period` go before what the covers say; a form of another month or unit is checked as what it says it is.
    `now` (aware) is the clock, by default the machine's. Raises FileUnreadable, UnitUnknown, and with a `home` what its
    register, settings and overrides raise.
    """
    against = _against(home)
    parser = Parser(against.catalogue, against.settings.limits, against.settings.seal, "check")
    contents = [(path, _content(path)) for path in files]
    parsed = _parse(contents, parser)
    today = now or machine_now()
    told = [_speaks_of(form) for _, _, form, _ in parsed.forms if form]
    month = period or next((month for _, month in told if month), preceding(f"{today:%Y-%m}"))
    code = (unit or next((code for code, _ in told if code), UNKNOWN_UNIT)).upper()
    # A month that is to come, or before the register, is a slip (CVR-05): it moves neither the clock nor the register.
    first = against.register.first_period if against.register else ""
    spoken = {month, *(other for _, other in told if other and first <= other <= f"{today:%Y-%m}")}
    clock = max(today, _just_after(max(spoken)))
    named = set() if unit else {code for code, _ in told if code}
    register, sender = _register(against, code, month, min(spoken), named, is_asked=bool(unit))
    with tempfile.TemporaryDirectory(prefix="sixth-check-") as folder:
        found, forms = _settle(parsed, parser, against, register, spoken, clock, Path(folder))
    return Checked(
        unit_code=sender.code,
        unit_name=sender.name if against.register else "",
        period=month,
        findings=tuple(found),
        forms=forms,
        files=tuple(f for path, content in contents for f in _files(path, content, parsed, parser.catalogue)),
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


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileUnreadable(f"{path}: {error.strerror or error}") from error


def _parse(files: Sequence[tuple[Path, bytes]], parser: Parser) -> ParsedMail:
    """The files as the attachments of one mail."""
    mail = EmailMessage()
    mail["From"] = SENDER
    mail.set_content("")
    for path, content in files:
        mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=path.name)
    raw = mail.as_bytes(policy=SMTP)
    return parse_mail(hashlib.sha256(raw).hexdigest(), raw, parser)


def _files(path: Path, content: bytes, parsed: ParsedMail, catalogue: Catalogue) -> Iterator[CheckedFile]:
    """What was found in a file; of an archive, in each file of it that holds a form or a scan.

    Files of the same bytes are one in a mail, and were looked at under the name of the first.
    """
    is_archive = extension_of(path.name) == ".zip"
    held: dict[int, Attachment] = {}
    for attachment in (*(a for _, a, _, _ in parsed.forms), *(a for a, _ in parsed.scans)):
        if attachment.content == content or (is_archive and path.name in attachment.within):
            held[attachment.number] = attachment
    if not held:
        yield CheckedFile(path.name, (), "", hinted_form(path.name, catalogue) or "")
    for number, attachment in sorted(held.items()):
        found = [(form, key) for _, a, form, key in parsed.forms if a.number == number and form is not None]
        is_itself = attachment.content == content
        yield CheckedFile(
            name=path.name if is_itself else attachment.name,
            forms=tuple(key for _, key in found),
            scan=next((scan.state for a, scan in parsed.scans if a.number == number), ""),
            hint=hinted_form(attachment.name, catalogue) or "",
            speaks_of=tuple(_speaks_of(form) for form, _ in found),
            same_as=attachment.name if is_itself and attachment.name != path.name else "",
        )


def _speaks_of(form: RecognisedForm) -> tuple[str, str]:
    """The unit and the month on a form's cover, each "" where it cannot be read."""
    code, month = (form.cover[key].value if key in form.cover else None for key in ("unit_code", "period"))
    return str(code or ""), str(month) if month and is_period(str(month)) else ""


def _just_after(period: str) -> datetime:
    """The first moment at which a return for the period can be received, and one day for other time zones."""
    return datetime.combine(last_day(period) + timedelta(days=2), datetime.min.time(), UTC)


def _register(
    against: _Against, code: str, period: str, first: str, named: Collection[str], *, is_asked: bool
) -> tuple[Register, Unit]:
    """The register by which the mail is booked, with the unit that sends it.

    Of a home, its own, in which the unit has the made-up mailbox; a code that it does not have is found by CVR-01.
    Without one, a carrier with one unit of which everything is allowed that a register would have to say. Whom the
    sender may file for is the mail's to tell (CVR-02): here for all who are `named` on covers, none where the unit was
    asked for. `first` is the earliest month that is spoken of.
    """
    if against.register is None:
        carrier = Unit("CARRIER", "—", "", "carrier", "", frozenset(), (), first, FOREVER, 2)
        unit = Unit(code, "—", "CARRIER", "unit", "county", frozenset({"im"}), (SENDER,), first, FOREVER, 3)
        below = [replace(unit, code=other, parent=code, mailboxes=()) for other in sorted(set(named) - {code})]
        return Register((carrier, unit, *below), (), first, frozenset(), {}, {}, {}, "check"), unit
    register = against.register
    known = register.tree(period).by_code.get(code)
    if known is None and is_asked:
        raise UnitUnknown(f"--unit {code}: no unit of that code on the register for {period}")
    if known is None:
        carrier_code = register.tree(period).carrier
        known = Unit(UNKNOWN_UNIT, code, carrier_code, "unit", "county", frozenset(), (), first, FOREVER, 0)
        register = replace(register, units=(*register.units, known), _trees={})

    def as_here(unit: Unit) -> Unit:
        if unit.code == known.code:
            return replace(unit, mailboxes=(SENDER,))
        return replace(unit, parent=known.code) if unit.code in named and unit.level == "unit" else unit

    units = tuple(map(as_here, register.units))
    return replace(register, units=units, _trees={}), as_here(known)


def _settle(
    parsed: ParsedMail,
    parser: Parser,
    against: _Against,
    register: Register,
    spoken: Collection[str],
    clock: datetime,
    folder: Path,
) -> tuple[list[Mapping[str, Any]], dict[str, str]]:
    """The findings that may be asked of these files, and the state of each form in them.

    Looked at are the months that are `spoken` of, and the one that what speaks of none is booked in.
    """
    settings, catalogue = against.settings, against.catalogue
    weights: dict[str, Any] = asdict(settings.score)
    with passing_warehouse(folder / "scratch") as warehouse:
        work = Work(
            warehouse, catalogue, register, settings.deadline(register) if against.register else Deadline(),
            settings.accepted_versions(catalogue), weights, clock, software="check", parsed_by="check",
        )  # fmt: skip
        at_hand = {r.id: r for r in catalogue.rules.values() if against.known.issuperset(r.needs)}
        within_reach = replace(work, catalogue=replace(catalogue, rules=at_hand))
        staging.prepare(warehouse, parser)
        staging.put_receipts(warehouse, [Seen(parsed.mail, clock, 0)])
        incoming = folder / "incoming"
        incoming.mkdir()
        write_tables([parsed], parser, incoming, "files")
        staging.load(warehouse, incoming, ["files"])
        prepare(work)
        index_mails(work)
        rows: list[Mapping[str, Any]] = []
        states: list[Mapping[str, Any]] = []
        for period in sorted({*spoken, work.deadline.window_period(clock)}):
            book_month(work, period)
            check_month_forms(work, period)
            count_rows(work, period)
            check_month_across(within_reach, period)
            rows += warehouse.rows(
                f"""
                select {", ".join(f'"{name}"' for name in COLUMNS)}, message
                from core.all_findings
                where period = $period and status in ('open', 'explained')
                order by form, file, sheet_key, row, column_key, rule_id, finding_id
                """,
                {"period": period},
            )
            states += warehouse.rows(
                "select form, status from core.submissions where period = $period order by form", {"period": period}
            )
    asked = [row for row in rows if against.known.issuperset(catalogue.rules[row["rule_id"]].needs)]
    # What is said of a file of the mail is said in every month that the mail speaks of; here once.
    once = {(r["rule_id"], r["file"], r["message"]) if not r["form_id"] else r["finding_id"]: r for r in asked}
    states.sort(key=lambda row: bool(row["status"] == "effective"))
    return list(once.values()), {row["form"]: row["status"] for row in states}
