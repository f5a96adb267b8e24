"""What earlier mails make of a later one: our marked copy sent back unaltered, last month's month on the cover
(CVR-09), a scan used before (SIG-04).

system.md, Mail. Belongs here: all three, for every month at once, before any is settled: a mail of one month may speak
of another, and what becomes of it must not depend on which is settled first. Does not: booking (booking.py), and what
follows for a unit (findings/scan_rules.py).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from assets.instance.warehouse import model
from assets.month.booking import plain_findings, read_mails
from assets.month.submissions import Booking, Mail, book, is_correction, returning, says_correction
from assets.month.work import Work

UNALTERED = {"mail": pl.String, "form_id": pl.String, "sent_at": pl.String}
SLIPS = {"period": pl.String, "mail": pl.String, "form_id": pl.String}
USED = {
    "period": pl.String, "unit_code": pl.String, "mail": pl.String, "number": pl.Int64, "used_for": pl.String,
}  # fmt: skip


def look_back(work: Work) -> None:
    """Make core.unaltered_forms, core.slips and core.used_scans of all mails that are there by the clock of the run."""
    _find_unaltered(work)
    booking = Booking(work.register, work.catalogue, work.deadline, work.form_versions)
    _find_slips(work, booking)
    _find_used_scans(work, booking)


# -------------------------------------------------------------------------------------------- our marked copy sent back
@dataclass(frozen=True, slots=True)
class Carried:
    """A mail that a form came in: whether its sender may file for the form's unit (CVR-02; None where nobody knows the
    sender), its subject, when it came, local, and whether the window of the form's month was over then.
    """

    may_file: bool | None
    subject: str
    at: str = ""
    is_late: bool = False


def repeats(back: Carried, sent: Carried) -> bool:
    """Whether a form that came back as it was says no more by its mail than when it had come.

    It does where its sender may file it and the one before could not (CVR-02), and where the subject says now that it
    is a correction (CVR-09).
    """
    for_its_unit = sent.may_file is False and back.may_file is True
    corrects = sent.is_late and says_correction(back.subject) and not says_correction(sent.subject)
    return not for_its_unit and not corrects


def _find_unaltered(work: Work) -> None:
    """Make core.unaltered_forms."""
    warehouse = work.warehouse
    found = warehouse.rows(model("settled/unaltered_forms"), {"timezone": work.deadline.timezone})
    mails = sorted({r["mail"] for r in found} | {s["mail"] for r in found for s in r["sent"]})
    told = {
        r["mail"]: r
        for r in warehouse.rows(
            """
            select m.mail, m.sender, m.subject, min(p.received_at) as received_at
            from staging.mails as m
            inner join core.mail_periods as p using (mail)
            where m.mail in (select unnest($mails))
            group by m.mail, m.sender, m.subject
            """,
            {"mails": mails},
        )
    }
    units = {
        r["form_id"]: r["unit_code"] or ""
        for r in warehouse.rows(
            """
            select form_id, json_extract_string(cover, '$.unit_code.value') as unit_code
            from staging.forms where form_id in (select unnest($forms))
            """,
            {"forms": [r["form_id"] for r in found]},
        )
    }

    def carried(mail: str, unit: str, at: str = "", is_late: bool = False) -> Carried:
        tree = work.register.tree(work.deadline.window_period(told[mail]["received_at"]))
        sender = tree.by_mailbox.get(told[mail]["sender"])
        may_file = tree.is_within(unit, sender.code) if sender and unit in tree.by_code else None
        return Carried(may_file, told[mail]["subject"], at, is_late)

    rows = []
    for r in found:
        unit = units[r["form_id"]]
        back = carried(r["mail"], unit)
        sent = [carried(s["mail"], unit, s["came"], s["is_late"]) for s in r["sent"]]
        if same := [s.at for s in sent if repeats(back, s)]:
            rows.append((r["mail"], r["form_id"], same[-1]))
    warehouse.put("core.unaltered_forms", pl.DataFrame(rows, schema=UNALTERED, orient="row"))


# ------------------------------------------------------------------------------------------------------------ slips
def _find_slips(work: Work, booking: Booking) -> None:
    """Make core.slips, of the months alone whose mails are not what they were when it was last made."""
    warehouse, parameters = work.warehouse, {"rests_on": work.rests_on, "timezone": work.deadline.timezone}
    late = warehouse.frame(model("settled/late_mails"), parameters)
    known = {r["period"]: r["digest"] for r in warehouse.rows("select * from core.looked_back")}
    digests = dict(late.select("period", "digest").unique().sort("period").iter_rows())
    for period in sorted(known.keys() | digests.keys()):
        digest = digests.get(period, "")
        if known.get(period, "") == digest:
            continue
        mails = late.filter(pl.col("period") == period)["mail"].sort().to_list()
        found = [(period, mail, form) for mail, form in _slips_of(work, period, mails, booking)]
        warehouse.put("core.slips", pl.DataFrame(found, schema=SLIPS, orient="row"), period=period)
        # Last: a run that is killed before looks for them again.
        row = pl.DataFrame({"period": [period], "digest": [digest]})
        warehouse.put("core.looked_back", row, period=period)


def _slips_of(work: Work, period: str, late: Sequence[str], booking: Booking) -> list[tuple[str, str]]:
    """The slips among the mails that came when the window of the month was over: (mail, form_id)."""
    if not late:
        return []
    tree = work.register.tree(period)
    units = sorted({s.unit_code for s in book(_unmarked(work, period, late), period, booking).submissions})
    mailboxes = [m for u in units if u in tree.by_code for m in tree.by_code[u].mailboxes]
    rivals = work.warehouse.rows(
        model("settled/mails_of_units"), {"period": period, "units": units, "mailboxes": mailboxes}
    )
    mails = _unmarked(work, period, sorted({*late, *(r["mail"] for r in rivals)}))
    waived = work.warehouse.rows(
        "select finding_id from core.decisions where kind = 'waive' and period = $period", {"period": period}
    )
    return slips_among(mails, period, booking, frozenset(r["finding_id"] for r in waived))


def _unmarked(work: Work, period: str, mails: Sequence[str]) -> list[Mail]:
    """Mails as they are before any other says something of them."""
    read = read_mails(work, period, mails)
    for mail in read:
        mail.slips.clear()
    return read


def slips_among(
    mails: Sequence[Mail], period: str, booking: Booking, waived: frozenset[str] = frozenset()
) -> list[tuple[str, str]]:
    """The forms of the month whose month is taken for a slip: (mail, form_id), in the order in which they came.

    `mails` are all those of some units that speak of the month. A form that came when the month's window was over and
    says nothing of a correction is a slip where the unit has an effective form of the kind from an earlier mail. Of
    several such forms none makes another one a slip: where there is one, an earlier form has made it so. A form is not
    returned where all findings that returned it are among those that stewards have `waived` (finding_id).
    """
    by_name = {mail.mail: mail for mail in mails}
    booked = book(mails, period, booking)
    submissions = sorted(booked.submissions, key=lambda s: (s.received_at, s.mail, s.number))
    returns = sorted(returning(booking.catalogue, period))
    plain = plain_findings(booked, period).filter(pl.col("rule_id").is_in(returns) & (pl.col("form_id") != ""))
    standing = plain.group_by("form_id").agg(pl.col("finding_id").is_in(waived).all())
    let_stand = {form_id for form_id, all_waived in standing.iter_rows() if all_waived}
    first: dict[tuple[str, str], str] = {}  # the mail of the first form that was not returned
    slips = []
    for s in submissions:
        mail, rival = by_name[s.mail], first.get((s.unit_code, s.form))
        is_late = booking.deadline.window_period(s.received_at) > period
        corrects = is_correction(mail, json.loads(s.cover))
        if is_late and not corrects and rival is not None and rival != s.mail:
            slips.append((s.mail, s.form_id))
        elif not s.returned or s.form_id in let_stand:
            first.setdefault((s.unit_code, s.form), s.mail)
    return slips


# ----------------------------------------------------------------------------------------------------- scans used again
@dataclass(frozen=True, slots=True)
class Sent:
    """A scan as it was booked: for which unit and month, in which mail, and what it is."""

    period: str
    unit_code: str
    mail: str
    number: int
    received_at: datetime
    digest: str
    prints: frozenset[str]
    readable: bool

    @property
    def time(self) -> tuple[datetime, str]:
        """What mails are in order by."""
        return self.received_at, self.mail

    def repeats(self, other: Sent) -> bool:
        """Whether all of this scan is in the other one: the same bytes, or every page of it."""
        return self.digest == other.digest or (bool(self.prints) and self.prints <= other.prints)


def used_before(sent: Iterable[Sent]) -> list[tuple[Sent, Sent]]:
    """The scans that came before, each with the one that it repeats (SIG-04).

    What came first decides: a scan is its unit's own for the units and months that it was booked for when it first
    came, in that mail and in any later one; for others it was used before.
    """
    ordered = sorted(sent, key=lambda s: (s.time, s.number, s.period, s.unit_code))
    by_key: dict[str, list[Sent]] = defaultdict(list)
    for scan in ordered:
        for key in {scan.digest, *scan.prints}:
            by_key[key].append(scan)
    firsts: dict[tuple[str, frozenset[str]], list[Sent]] = {}  # the scans of the first mail with all of these pages
    found = []
    for scan in ordered:
        if not scan.readable:
            continue
        what = scan.digest, scan.prints
        if what not in firsts:  # once, and not for each of thousands that sent the same
            likely = {*by_key[scan.digest]}
            if scan.prints:
                rarest = min(scan.prints, key=lambda page: (len(by_key[page]), page))
                likely.update(by_key[rarest])
            repeated = (s for s in likely if scan.repeats(s))
            same = sorted(repeated, key=lambda s: (s.time, s.number, s.period, s.unit_code))
            firsts[what] = [s for s in same if s.mail == same[0].mail]
        first = firsts[what]
        if first[0].mail != scan.mail and not any(
            (s.unit_code, s.period) == (scan.unit_code, scan.period) for s in first
        ):
            found.append((scan, next((s for s in first if s.unit_code == scan.unit_code), first[0])))
    return found


def _find_used_scans(work: Work, booking: Booking) -> None:
    """Make core.used_scans."""
    warehouse = work.warehouse
    scans = {(r["mail"], r["number"]): r for r in warehouse.rows(model("settled/scans_seen_again"))}
    mails = sorted({mail for mail, _ in scans})
    sent: list[Sent] = []
    if mails:
        months = warehouse.rows(
            "select distinct period from core.mail_periods where mail in (select unnest($mails)) order by period",
            {"mails": mails},
        )
        for period in (r["period"] for r in months):
            rows = book(read_mails(work, period, mails), period, booking).scans
            sent += [_sent(period, row, scans[key]) for row in rows if (key := (row["mail"], row["number"])) in scans]
    used = [
        (scan.period, scan.unit_code, scan.mail, scan.number, _told(work, scan, other))
        for scan, other in used_before(sent)
    ]
    warehouse.put("core.used_scans", pl.DataFrame(used, schema=USED, orient="row"))


def _sent(period: str, row: Mapping[str, object], scan: Mapping[str, object]) -> Sent:
    return Sent(
        period=period,
        unit_code=str(row["unit_code"]),
        mail=str(row["mail"]),
        number=int(str(row["number"])),
        received_at=row["received_at"],  # type: ignore[arg-type]
        digest=str(scan["digest"]),
        prints=frozenset(scan["prints"] or ()),  # type: ignore[call-overload]
        readable=scan["state"] != "unreadable",
    )


def _told(work: Work, scan: Sent, other: Sent) -> str:
    """What a scan was used for, in the words of SIG-04: the month, and the unit where it was another one."""
    if other.unit_code == scan.unit_code:
        return other.period
    unit = work.register.tree(other.period).by_code.get(other.unit_code)
    return f"{unit.name if unit else other.unit_code} {other.period}"
