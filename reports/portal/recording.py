"""A decision as a page sends it: foreseen where the form asks for that, recorded, refused in words for the person.

Belongs here: what the forms of all pages share. Does not: what may be decided (pipelines/decisions.py, handed in).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from starlette.responses import RedirectResponse, Response

from assets.ledger.decisions import ENDS, AlreadyDecided, DecisionError
from assets.ledger.models import Decision
from assets.month.findings.substance import says_something
from reports.portal.access import NotThere, Refused, Visit
from reports.portal.asked import (
    STEWARD,
    codes_covered,
    sent_period,
    snapshot_of,
)
from reports.portal.deciding import Decider, Wanted
from reports.portal.reading import Row

SENT_TWICE = timedelta(minutes=10)  # within which the same form once more is a second click, or the browser's "back"
FORESEE = "foresee"  # what a form sends as its `step` to be told first what a decision will come to


def decided(visit: Visit, wanted: Wanted, to: str) -> Response:
    """Record a decision and go on to a page of ours; or, where the form asks for that first, what it will come to."""
    if visit.sent("step") == FORESEE:
        return foreseen(visit, wanted, to)
    made = record(visit, wanted)
    joint = "&" if "?" in to else "?"
    return RedirectResponse(f"{to}{joint}done={len(made)}", 303)


def foreseen(visit: Visit, wanted: Wanted, to: str) -> Response:
    """What a decision will come to, with all that was sent, to be sent again as it is."""
    say = visit.words.say
    decider = _ready(visit, wanted)
    with _in_words(visit, wanted, tells=False):
        found = decider.foresee(wanted)
    mine = codes_covered(visit)
    rows = [row for row in found.rows or () if row["unit_code"] in mine]
    effects = Counter(row["effect"] for row in wanted.rows) if wanted.kind == "waive" else Counter([wanted.kind])
    names = visit.portal.names
    told = visit.portal.catalogue.texts["glossary"]["figures"]
    figures = [row for row in rows if row["what"] == "figure"]
    return visit.page(
        "foreseen.html.jinja",
        found=found,
        kind=wanted.kind,
        at_most=[say(f"foreseen.most.{effect}", n=n) for effect, n in effects.items()],
        units=_units_foreseen(visit, rows, names),
        rules=[(row, names.get(row["unit_code"], "")) for row in rows if row["what"] == "rule"],
        figures=[row for row in figures if row["subject"] in told],
        others=sum(row["subject"] not in told for row in figures),
        sent=[(k, v) for k, v in visit.form.multi_items() if isinstance(v, str) and k not in ("csrf", "step")],
        to=to,
    )


def _units_foreseen(visit: Visit, rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Of every unit and month that changes its name, state and score before and after; "" where one stays."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        if row["what"] in ("unit", "score"):
            of = found.setdefault((row["period"], row["unit_code"]), {"state": ("", ""), "score": ("", "")})
            both = row["before"], row["after"]
            of["state" if row["what"] == "unit" else "score"] = (
                tuple(_state_in_words(visit, value) for value in both)
                if row["what"] == "unit"
                else tuple("—" if value is None else f"{value:.2f}" for value in both)
            )
    return [
        {"period": period, "unit_code": code, "unit_name": names.get(code, ""), **of}
        for (period, code), of in sorted(found.items())
    ]


def _state_in_words(visit: Visit, told: str | None) -> str:
    """A state as `sixth rehearse` tells it, as pages do."""
    state, _, when = (told or "missing").partition(" ")
    return visit.words.say("state.late" if (state, when) == ("complete", "late") else f"state.{state}")


def _ready(visit: Visit, wanted: Wanted) -> Decider:
    """The decider, for a decision with a reason. Raises Refused."""
    decider, say = visit.portal.decider, visit.words.say
    if decider is None:
        raise Refused(say("decide.nowhere"), 503)
    if not says_something(wanted.reason, visit.portal.catalogue):
        raise Refused(say("decide.no_reason"))
    return decider


def record(visit: Visit, wanted: Wanted) -> list[Decision]:
    """Record a decision and tell the audit; a form that was sent twice is recorded once. Raises Refused, with words for
    the person.
    """
    decider = _ready(visit, wanted)
    if before := _sent_before(visit, wanted):
        return before
    with _in_words(visit, wanted):
        try:
            made = decider.decide(wanted)
        except DecisionError:
            if before := _sent_before(visit, wanted):  # of two clicks, the second may look before the first is recorded
                return before
            raise
    visit.told(wanted.kind, ",".join(d.key for d in made))
    return made


def _sent_before(visit: Visit, wanted: Wanted) -> list[Decision]:
    """What the same form recorded when it was sent just before: the same decisions in the same words by the same
    person, still in force; empty where one of them is not there.
    """
    subject = wanted.subject or (wanted.mail or {}).get("mail") or f"{wanted.unit}/{wanted.period}"
    subjects = {row["finding_id"] for row in wanted.rows} if wanted.kind == "waive" else {subject}
    log, since = visit.portal.log(), wanted.at - SENT_TWICE
    found = {
        d.subject: d
        for d in log.decisions
        if d.subject in subjects
        and (d.kind, d.decided_by, d.reason, d.through) == (wanted.kind, wanted.by, wanted.reason, wanted.through)
        and d.until == wanted.until
        and (wanted.kind != "assign" or d.unit_code == wanted.unit)
        and since < d.decided_at
        and (d.key in log.standing or d.kind == ENDS)
    }
    return list(found.values()) if found.keys() == subjects else []


@contextmanager
def _in_words(visit: Visit, wanted: Wanted, *, tells: bool = True) -> Iterator[None]:
    """What the decider refuses, in words for the person, and `tells` the audit. Raises Refused."""
    say = visit.words.say
    told = wanted.subject or wanted.unit or (wanted.mail or {}).get("mail", "")
    told = told or ",".join(str(row["finding_id"]) for row in wanted.rows)
    try:
        yield
    except AlreadyDecided as already:
        standing = already.standing
        if tells:
            visit.told(wanted.kind, told, "refused")
        raise Refused(
            say(
                "decide.already",
                kind=say(f"kind.{standing.kind}"),
                by=standing.decided_by,
                at=visit.words.moment(standing.decided_at),
                reason=standing.reason,
                decision=standing.key,
            ),
            409,
        ) from already
    except DecisionError as refused:
        if tells:
            visit.told(wanted.kind, told, "refused")
        why = say(f"why.{refused.why}", **refused.told) if refused.why else say("why.other")
        raise Refused(say("decide.refused", why=why)) from refused


def wanted_of(visit: Visit, kind: str, **told: Any) -> Wanted:
    """A decision of a kind by the person, now, with the reason that the form sent; `told` as in Wanted."""
    return Wanted(kind, visit.who.display, visit.written("reason"), visit.now, over=visit.sent("over")[:12], **told)


def findings_sent(visit: Visit, names: Sequence[str]) -> list[Row]:
    """The findings that were named, every one within the person's scopes. NotThere if one is not."""
    with snapshot_of(visit, STEWARD, sent_period(visit)) as snapshot:
        rows = [snapshot.one("finding", finding=name) for name in names]
        period = snapshot.about["period"]
    if not rows or None in rows:
        raise NotThere(visit.words.say("decide.gone"))
    return [{**row, "period": period} for row in rows if row]


def later_months(period: str) -> list[str]:
    """The months through which a fault may be waived: this one's year and the next."""
    year = int(period[:4])
    months = [f"{y}-{m:02d}" for y in (year, year + 1) for m in range(1, 13)]
    return [m for m in months if m > period][:12]
