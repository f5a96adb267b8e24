"""The steward's pages: the worklist, a finding in its sheet, units, held mails, the log of decisions.

Belongs here: what a steward sees and sends. Does not: what may be decided (pipelines/decisions.py, handed in), the cut
to the scopes granted (reading.py).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from assets.instance.periods import is_period
from assets.ledger.decisions import AlreadyDecided, DecisionError
from assets.ledger.models import DECISIONS, TO_UNITS, Decision
from assets.ledger.queue import notices
from assets.month.findings.substance import says_something
from expectations.language import DEFAULT
from expectations.messages import fill, reason_text
from reports.portal.access import NothingYet, NotThere, Refused, Routes, Visit, own_path
from reports.portal.answers import templates
from reports.portal.deciding import Decider, Log, Wanted
from reports.portal.reading import Row, Snapshot, opened, periods
from reports.portal.shape import ANY, BESIDE, HELD, RANK
from reports.portal.words import Words

ROLE = "steward"
A_PAGE = 100
MOST_EXPORTED = 1_000_000
UNITS_A_PAGE = 200
MOST_OF = 2000  # nodes below one that has so many findings that the first hundred are soon found
FILTERS = ("period", "scope", "unit", "moves", "status", "can", "rule", "sheet")
MOVES = ("", *RANK, "all")
STATUSES = ("open", "waived", "explained", "all")
NO_SHEET = "-"
FORESEE = "foresee"  # what a form sends as its `step` to be told first what a decision will come to
PAGES_OF_UNITS = {ROLE: "/units", "office": "/office"}


def add_to(routes: Routes) -> None:
    """Add the routes."""
    routes.add("/worklist", worklist, ROLE)
    routes.add("/worklist.csv", export, ROLE)
    routes.add("/worklist", waive_batch, ROLE, method="POST")
    routes.add("/finding/{finding}", finding, ROLE)
    routes.add("/finding/{finding}", decide_on_finding, ROLE, method="POST")
    routes.add("/units", units, ROLE)
    routes.add("/units/{unit}", unit, ROLE)
    routes.add("/units/{unit}/{form}", difference, ROLE)
    routes.add("/units/{unit}", decide_on_unit, ROLE, method="POST")
    routes.add("/held", held, ROLE)
    routes.add("/held/{mail}", assign, ROLE, method="POST")
    routes.add("/decisions", decisions, ROLE)
    routes.add("/decisions/{key}", decide_on_decision, ROLE, method="POST")


def chips(asked: Asked, words: Words) -> list[tuple[str, str]]:
    """The filters that are on, each with its words."""
    say = words.say
    found: list[tuple[str, str]] = []
    for name in ("moves", "status", "can", "rule", "sheet", "unit"):
        value = asked.filters[name]
        if name == "rule" and value:
            found.append((name, f"{value} {words.rule(value)}"))
        elif name == "unit" and value:
            found.append((name, asked.at["unit_name"]))
        elif name == "sheet" and value:
            found.append((name, say("sheet.none") if value == NO_SHEET else words.sheet(value)))
        elif name == "status" and value != "open":
            found.append((name, say(f"status.{value}")))
        elif name in ("moves", "can") and value:
            found.append((name, say(f"{name}.{value}")))
    return found


def can_any(groups: Sequence[Mapping[str, Any]]) -> bool:
    """Whether anything on a page can be waived."""
    return any(item["chosen"] for group in groups for item in group["items"])


def kinds(say: Any) -> list[tuple[str, str]]:
    """The kinds of decisions to choose from."""
    return [("", say("status.all")), *((kind, say(f"kind.{kind}")) for kind in DECISIONS)]


templates.globals |= {"chips": chips, "can_any": can_any, "kinds": kinds}


# ------------------------------------------------------------------------------------------------------ what is asked
@dataclass(frozen=True)
class Asked:
    """A month, the node looked at (a scope or a unit), and the filters, all from the address."""

    period: str
    scope: Row
    at: Row
    filters: Mapping[str, str]

    @property
    def interval(self) -> dict[str, int]:
        """The places that are looked at; held mails are the carrier's."""
        lo = self.at["place"] or HELD
        return {"lo": lo, "hi": self.at["ends"]}

    @property
    def chosen(self) -> dict[str, str]:
        """The filters as the queries take them."""
        return {k: self.filters[k] for k in ("moves", "status", "can", "rule", "sheet")}

    @property
    def listed(self) -> dict[str, str]:
        """The consequences and states of the filter one by one, as an index takes them."""
        moves, status = self.filters["moves"], self.filters["status"]
        wanted = [m for m in RANK if moves == "all" or (m == (moves or m) and (moves or m != "flag"))]
        states = [s for s in STATUSES[:-1] if status in ("all", s)]
        told = {f"moves_{n}": move for n, move in enumerate([*wanted, *[""] * len(RANK)][: len(RANK)])}
        return told | {f"status_{n}": state for n, state in enumerate([*states, "", "", ""][:3])}

    def soonest(self, query: str) -> str:
        """The query, or its twin that goes through most of the carrier sooner."""
        return f"{query}_of_most" if self.at["ends"] - self.at["place"] > MOST_OF else query

    def address(self, **other: str | int) -> str:
        """The query of the same filters with some others; defaults are left out."""
        values = {**self.filters, "period": self.period, "scope": self.scope["unit_code"], **other}
        shown = {k: v for k, v in values.items() if v not in ("", 0) and not (k == "status" and v == "open")}
        return "?" + urlencode(shown)


def chosen_period(visit: Visit) -> str:
    """The month that is asked for, else the latest with a snapshot. NotThere where the one asked for has none,
    NothingYet where no month has.
    """
    there = periods(visit.portal.home.portal)
    wanted = visit.asked("period")
    if not wanted and not there:
        raise NothingYet
    if wanted and wanted not in there:
        raise NotThere
    return wanted or there[0]


def page_after(visit: Visit) -> int:
    """After how many rows a page begins."""
    asked = visit.asked("after", "0")
    return int(asked) if asked.isdecimal() and len(asked) < 10 else 0


@contextmanager
def snapshot_of(visit: Visit, role: str, period: str) -> Iterator[Snapshot]:
    """The snapshot of a month, cut to what the person has in a role."""
    try:
        with opened(visit.portal.home.portal, period, visit.who.scopes(role)) as snapshot:
            yield snapshot
    except FileNotFoundError as error:
        raise NotThere from error


def asked_of(visit: Visit, snapshot: Snapshot, period: str) -> Asked:
    """What the address asks of the snapshot. NotThere for a scope or unit that is not in it, NothingYet where it has
    nothing of the person's and no scope was asked for.
    """
    filters = {name: visit.asked(name) for name in FILTERS[2:]}
    filters["status"] = filters["status"] or "open"
    catalogue = visit.portal.catalogue
    if filters["sheet"] not in ("", NO_SHEET, *catalogue.sheets) or filters["rule"] not in ("", *catalogue.rules):
        raise NotThere
    if filters["moves"] not in MOVES or filters["status"] not in STATUSES or filters["can"] not in ("", "yes", "no"):
        raise NotThere
    wanted = visit.asked("scope")
    scope = snapshot.one("node", unit_code=wanted) if wanted else next(iter(snapshot.rows("nodes")), None)
    if scope is None:
        raise NotThere if wanted else NothingYet
    at = snapshot.one("node", unit_code=filters["unit"]) if filters["unit"] else scope
    if at is None:
        raise NotThere
    return Asked(period, scope, at, filters)


# ------------------------------------------------------------------------------------------------------- the worklist
def worklist(visit: Visit) -> Response:
    """Findings: what moves figures first, by rule and unit; filters in the address."""
    return visit.kept(visit.portal.state(), _worklist)


def _worklist(visit: Visit) -> Response:
    period = chosen_period(visit)
    with snapshot_of(visit, ROLE, period) as snapshot:
        asked = asked_of(visit, snapshot, period)
        counts = snapshot.rows("counts", at=asked.at["place"])
        after = page_after(visit)
        items = snapshot.rows(asked.soonest("worklist"), **asked.interval, **asked.chosen, most=A_PAGE, after=after)
        found_by = {k: v for k, v in asked.chosen.items() if k in ("can", "rule", "sheet")} | asked.listed
        by_unit = (
            snapshot.rows(asked.soonest("counts_by_unit"), **asked.interval, **found_by)
            if not asked.filters["unit"]
            else []
        )
        states = snapshot.rows("states_below", **asked.interval)
        nodes = snapshot.rows("nodes")
    log = visit.portal.log()
    waived = log.waivers()
    total = sum(c["n"] for c in _matching(counts, asked.chosen))
    return visit.page(
        "worklist.html.jinja",
        asked=asked,
        nodes=nodes,
        periods=visit.portal.months,
        groups=_groups(visit, items, counts, asked, waived),
        facets=_facets(visit, counts, asked, by_unit),
        tiles=_tiles(counts, states),
        total=total,
        headline=_headline(counts),
        shown=(after + 1, after + len(items)),
        before=max(0, after - A_PAGE),
        further=after + A_PAGE if after + A_PAGE < total else 0,
        version=dict(visit.portal.months)[period],
        done=visit.asked("done"),
        months=_later_months(period),
    )


def _later_months(period: str) -> list[str]:
    """The months through which a fault may be waived: this one's year and the next."""
    year = int(period[:4])
    months = [f"{y}-{m:02d}" for y in (year, year + 1) for m in range(1, 13)]
    return [m for m in months if m > period][:12]


def _matching(counts: Sequence[Row], chosen: Mapping[str, str], but: str = "") -> Iterator[Row]:
    """The counts of a filter, one of its parts left out."""
    sheet = "" if but == "sheet" else {"": ANY, NO_SHEET: ""}.get(chosen["sheet"], chosen["sheet"])
    for row in counts:
        moves, status, can, rule = (chosen[k] if k != but else "any" for k in ("moves", "status", "can", "rule"))
        if but == "sheet":
            if row["sheet_key"] == ANY:
                continue
        elif row["sheet_key"] != sheet:
            continue
        if moves not in ("any", "all") and (row["moves"] == "flag" if moves == "" else row["moves"] != moves):
            continue
        if status not in ("any", "all", row["status"]) or rule not in ("any", "", row["rule_id"]):
            continue
        if can not in ("any", "") and bool(row["decides"]) != (can == "yes"):
            continue
        yield row


def _headline(counts: Sequence[Row]) -> dict[str, int]:
    """How many open findings move figures, and how many of them a steward can decide."""
    moving = [c for c in counts if c["sheet_key"] == ANY and c["status"] == "open" and c["moves"] != "flag"]
    return {"n": sum(c["n"] for c in moving), "can": sum(c["n"] for c in moving if c["decides"])}


def _tiles(counts: Sequence[Row], states: Sequence[Row]) -> list[dict[str, Any]]:
    """The consequences with how many open findings have each; rows received and counted under those left out."""
    found: Counter[str] = Counter()
    for c in counts:
        if c["sheet_key"] == ANY and c["status"] == "open":
            found[c["moves"]] += c["n"]
    rows = {key: sum(s[key] or 0 for s in states) for key in ("received", "counted")}
    return [{"moves": moves, "n": found[moves], **rows} for moves in RANK]


def _facets(visit: Visit, counts: Sequence[Row], asked: Asked, by_unit: Sequence[Row]) -> list[dict[str, Any]]:
    """The filters with what each would leave: title, and of each choice label, address, count, whether it is chosen."""
    say, chosen = visit.words.say, asked.chosen

    def facet(name: str, choices: Sequence[tuple[str, str, Any]]) -> dict[str, Any]:
        rows = list(_matching(counts, chosen, but=name))
        made = []
        for value, label, of in choices:
            n = sum(r["n"] for r in rows if of(r))
            if n or value == chosen[name]:
                made.append((label, asked.address(**{name: value}, after=0), n, value == chosen[name]))
        return {"title": say(f"facet.{name}"), "choices": made}

    found = [
        facet(
            "can",
            [
                ("", say("can.all"), lambda r: True),
                ("yes", say("can.yes"), lambda r: r["decides"]),
                ("no", say("can.no"), lambda r: not r["decides"]),
            ],
        ),
        facet(
            "moves",
            [
                ("", say("moves.any"), lambda r: r["moves"] != "flag"),
                *((m, say(f"moves.{m}"), lambda r, m=m: r["moves"] == m) for m in RANK),
                ("all", say("moves.all"), lambda r: True),
            ],
        ),
        facet(
            "status",
            [
                *((s, say(f"status.{s}"), lambda r, s=s: r["status"] == s) for s in STATUSES[:3]),
                ("all", say("status.all"), lambda r: True),
            ],
        ),
    ]
    if by_unit:
        choices = [(r["unit_name"], asked.address(unit=r["unit_code"], after=0), r["n"], False) for r in by_unit]
        found.append({"title": say("facet.unit"), "choices": choices})
    sheets = [
        (key, visit.words.sheet(key), lambda r, k=key: r["sheet_key"] == k) for key in visit.portal.catalogue.sheets
    ]
    found.append(
        facet(
            "sheet",
            [
                ("", say("sheet.any"), lambda r: True),
                *sheets,
                (NO_SHEET, say("sheet.none"), lambda r: r["sheet_key"] == ""),
            ],
        )
    )
    return found


def _groups(
    visit: Visit, items: Sequence[Row], counts: Sequence[Row], asked: Asked, waived: Mapping[str, Decision]
) -> list[dict[str, Any]]:
    """The findings of a page by rule and consequence, each with its place, its words and what can be decided."""
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    sums: Counter[tuple[str, str]] = Counter()
    of_units: Counter[tuple[str, str]] = Counter()
    for row in _matching(counts, asked.chosen):
        key = row["moves"], row["rule_id"]
        sums[key] += row["n"]
        of_units[key] += row["units"]
    for item in items:
        key = item["moves"], item["rule_id"]
        if key not in groups:
            groups[key] = {
                "rule": item["rule_id"],
                "title": visit.words.rule(item["rule_id"]),
                "moves": item["moves"],
                "n": sums[key],
                "units": of_units[key],
                "hint": hint(visit, item),
                "items": [],
            }
        groups[key]["items"].append(shown(visit, item, waived))
    return list(groups.values())


def hint(visit: Visit, item: Row) -> str:
    """What can be decided about a rule's findings, or why only the unit can mend them."""
    if item["decides"] in ("assign", "confirm_seal"):
        return visit.words.say(f"hint.{item['decides']}")
    if not item["decides"]:
        why = visit.portal.catalogue.rules[item["rule_id"]].why_not.get(visit.lang, "")
        return visit.words.say("hint.unit", why=why) if why else visit.words.say("hint.unit_alone")
    return visit.words.say(f"hint.waive.{item['effect']}")


def shown(visit: Visit, item: Row, waived: Mapping[str, Decision]) -> dict[str, Any]:
    """A finding as a line of a list."""
    pending = item["status"] == "open" and item["finding_id"] in waived
    return {
        **item,
        "where": where(visit, item),
        "told": message(visit, item),
        "pending": pending,
        "chosen": item["decides"] == "waive" and item["status"] == "open" and not pending,
    }


def where(visit: Visit, item: Row) -> str:
    """The sheet of a finding; of one that is on none, what it is on."""
    if item["sheet_key"]:
        return visit.words.sheet(item["sheet_key"])
    kind = {"SIG": "scan", "CVR": "cover", "ENV": "mail"}.get(item["rule_id"][:3], "book")
    return visit.words.say(f"where.{'attachment' if kind == 'mail' and item['file'] else kind}")


def message(visit: Visit, item: Row) -> str:
    """What is wrong, in the visitor's language; what the run said of it where that is the visitor's."""
    if visit.lang == DEFAULT:
        return str(item["message"])
    values = {k: item[k] or "" for k in ("file", "sheet", "column", "value", "expected")}
    values["reason"] = reason_text(item["cause"] or "", visit.portal.catalogue, visit.lang)
    return fill(visit.portal.catalogue.texts["messages"][item["rule_id"]]["fault"][visit.lang], values)


def export(visit: Visit) -> Response:
    """The findings of the filter as CSV, as a page shows them."""
    period = chosen_period(visit)
    with snapshot_of(visit, ROLE, period) as snapshot:
        asked = asked_of(visit, snapshot, period)
        items = snapshot.rows("worklist", **asked.interval, **asked.chosen, most=MOST_EXPORTED, after=0)
    waived = visit.portal.log().waivers()
    say = visit.words.say
    rows = [
        {
            say("csv.finding"): row["finding_id"],
            say("csv.rule"): row["rule_id"],
            say("csv.title"): visit.words.rule(row["rule_id"]),
            say("csv.moves"): say(f"moves.{row['moves']}"),
            say("csv.can"): say("can.yes") if row["decides"] else say("can.no"),
            say("csv.unit"): row["unit_code"],
            say("csv.unit_name"): row["unit_name"],
            say("csv.file"): row["file"],
            say("csv.where"): row["where"],
            say("csv.cell"): row["cell"],
            say("csv.value"): row["value"],
            say("csv.told"): row["told"],
            say("csv.received"): visit.words.moment(row["received_at"]),
            say("csv.last_month"): say("yes") if row["last_month"] else "",
            say("csv.status"): say("status.pending") if row["pending"] else say(f"status.{row['status']}"),
        }
        for row in (shown(visit, item, waived) for item in items)
    ]
    visit.told("export", f"worklist {asked.address()} {len(rows)} rows")
    name = f"worklist-{period}-{asked.at['unit_code']}.csv"
    content = _csv(rows) if rows else b""
    return Response(content, media_type="text/csv", headers={"content-disposition": f'attachment; filename="{name}"'})


def _csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    import polars as pl  # noqa: PLC0415 - 20 MB that only an export takes

    from reports.publishing.tables import as_csv  # noqa: PLC0415 - which takes them too

    return as_csv(pl.DataFrame(rows))


# ---------------------------------------------------------------------------------------------------------- deciding
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
    mine = _codes(visit)
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
    """Record a decision and tell the audit. Raises Refused, with words for the person."""
    decider = _ready(visit, wanted)
    with _in_words(visit, wanted):
        made = decider.decide(wanted)
    visit.told(wanted.kind, ",".join(d.key for d in made))
    return made


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


def _wanted(visit: Visit, kind: str, **told: Any) -> Wanted:
    return Wanted(kind, visit.who.display, visit.sent("reason"), visit.now, over=visit.sent("over")[:12], **told)


def _findings_sent(visit: Visit, names: Sequence[str]) -> list[Row]:
    """The findings that were named, every one within the person's scopes. NotThere if one is not."""
    with snapshot_of(visit, ROLE, sent_period(visit)) as snapshot:
        rows = [snapshot.one("finding", finding=name) for name in names]
        period = snapshot.about["period"]
    if not rows or None in rows:
        raise NotThere
    return [{**row, "period": period} for row in rows if row]


def sent_period(visit: Visit) -> str:
    """The month that a form is of. NotThere where it is none."""
    period = visit.sent("period")
    if not is_period(period):
        raise NotThere
    return period


def waive_batch(visit: Visit) -> Response:
    """Waive the findings that were chosen, with one reason: all or none."""
    names = list(dict.fromkeys(str(name)[:64] for name in visit.form.getlist("finding")))
    if not names:
        raise Refused(visit.words.say("decide.none_chosen"))
    rows = _findings_sent(visit, names)
    wanted = _wanted(visit, "waive", rows=rows, through=visit.sent("through"))
    return decided(visit, wanted, own_path(visit.sent("back") or "/worklist"))


# ---------------------------------------------------------------------------------------------------------- a finding
def finding(visit: Visit) -> Response:
    """A finding drawn in its sheet, the whole row, what was decided, and the one before and after in the filter."""
    name, period = str(visit.request.path_params["finding"]), chosen_period(visit)
    with snapshot_of(visit, ROLE, period) as snapshot:
        item = snapshot.one("finding", finding=name)
        if item is None:
            raise NotThere
        asked = asked_of(visit, snapshot, period)
        beside = {
            way: snapshot.one("beside", **asked.interval, **asked.chosen, seq=item["seq"], way=step)
            for way, step in (("before", -1), ("after", 1))
        }
        drawn = _drawn(visit, snapshot, item)
        form = next((f for f in snapshot.rows("forms", place=item["place"]) if f["form_id"] == item["form_id"]), None)
    log = visit.portal.log()
    taken = [d for d in log.decisions if d.subject == name]
    rule = visit.portal.catalogue.rules[item["rule_id"]]
    texts = visit.portal.catalogue.texts["messages"][rule.id]
    return visit.page(
        "finding.html.jinja",
        asked=asked,
        item=shown(visit, item, log.waivers()),
        period=period,
        title=visit.words.rule(rule.id),
        remedy=texts["remedy"][visit.lang],
        example=texts["example"][visit.lang],
        hint=hint(visit, item),
        beside=beside,
        drawn=drawn,
        form=form,
        log=log,
        taken=taken,
        standing=log.waivers().get(name),
        months=_later_months(period),
        lasts=item["effect"] in ("drop", "flag") and bool(item["fault"]),
        version=dict(visit.portal.months)[period],
        done=visit.asked("done"),
    )


def _drawn(visit: Visit, snapshot: Snapshot, item: Row) -> dict[str, Any] | None:
    """The row of a finding and those beside it, as they were entered; None where the finding is on no row."""
    sheet = snapshot.one("sheet", form_id=item["form_id"], sheet_key=item["sheet_key"]) if item["row"] > 0 else None
    if sheet is None:
        return None
    of = {"form_id": item["form_id"], "sheet_key": item["sheet_key"]}
    of |= {"first": item["row"] - BESIDE, "last": item["row"] + BESIDE}
    faults: dict[tuple[int, str], Row] = {}
    whole_rows: set[int] = set()
    for other in snapshot.rows("findings_of_sheet", **of):
        key = other["row"], other["column_key"]
        if key not in faults or other["effect"] != "flag":
            faults[key] = other
        if other["effect"] == "drop" and other["status"] == "open":
            whole_rows.add(other["row"])
    columns = [{"key": k, "letter": letter, "heading": heading} for k, letter, heading in json.loads(sheet["columns"])]
    order = sorted(range(len(columns)), key=lambda n: (len(columns[n]["letter"]) or 9, columns[n]["letter"]))
    columns = [columns[n] for n in order]
    lines: list[dict[str, Any]] = []
    last = None
    for row in snapshot.rows("rows", **of):
        if last is not None and row["row"] > last + 1:
            lines.append({"gap": f"{last + 1}–{row['row'] - 1}" if row["row"] > last + 2 else str(last + 1)})
        cells = json.loads(row["cells"])
        made = []
        for n, column in zip(order, columns, strict=True):
            fault = faults.get((row["row"], column["key"]))
            made.append(
                {
                    "text": cells[n] or "",
                    "key": column["key"],
                    "heading": column["heading"],
                    "is": "" if fault is None else "bad" if fault["effect"] in ("drop", "return") else "chk",
                    "why": "" if fault is None else message(visit, fault),
                }
            )
        lines.append({"row": row["row"], "hit": row["row"] == item["row"], "cells": made})
        last = row["row"]
    return {"title": sheet["title"], "rows": sheet["rows"], "columns": columns, "lines": lines}


def decide_on_finding(visit: Visit) -> Response:
    """Waive a finding, leave a note on it, or take a decision on it back."""
    name = str(visit.request.path_params["finding"])
    (row,) = _findings_sent(visit, [name])
    to = own_path(visit.sent("back") or f"/finding/{name}")
    act = visit.sent("act")
    if act == "waive":
        wanted = _wanted(visit, "waive", rows=[row], through=visit.sent("through"))
    elif act == "note":
        wanted = _wanted(visit, "note", rows=[row], subject=name)
    elif act == "confirm_seal":
        wanted = _wanted(visit, "confirm_seal", rows=[row], unit=row["unit_code"], period=row["period"])
    else:
        raise Refused(visit.words.say("decide.no_act"))
    return decided(visit, wanted, to)


# -------------------------------------------------------------------------------------------------------------- units
def units(visit: Visit) -> Response:
    """The units of a scope, and what became of each."""
    return visit.kept(visit.portal.state(), _units)


def _units(visit: Visit) -> Response:
    period = chosen_period(visit)
    with snapshot_of(visit, ROLE, period) as snapshot:
        asked = asked_of(visit, snapshot, period)
        state, find = visit.asked("state"), visit.asked("q")
        after = page_after(visit)
        rows = snapshot.rows(
            "units_below", **asked.interval, state=state, find=find, most=UNITS_A_PAGE + 1, after=after
        )
        states = snapshot.rows("states_below", **asked.interval)
        nodes = snapshot.rows("nodes")
    return visit.page(
        "units.html.jinja",
        asked=asked,
        nodes=nodes,
        periods=visit.portal.months,
        units=rows[:UNITS_A_PAGE],
        after=after,
        further=after + UNITS_A_PAGE if len(rows) > UNITS_A_PAGE else 0,
        state=state,
        q=find,
        states=states_of(states),
    )


def states_of(states: Sequence[Row]) -> list[tuple[str, int]]:
    """How many units are in each state, in the usual order, complete ones by whether on time."""
    found: Counter[str] = Counter()
    for row in states:
        late = row["state"] == "complete" and not row["on_time"]
        found["late" if late else row["state"]] += row["n"]
    return [
        (state, found[state]) for state in ("complete", "late", "incomplete", "returned", "missing") if found[state]
    ]


def unit(visit: Visit, role: str = ROLE) -> Response:
    """A unit's month: what became of it, what fails, what it sent, twelve months, what was decided and mailed; to be
    decided on by a steward, and to be looked at in another role.
    """
    code, period = str(visit.request.path_params["unit"]), chosen_period(visit)
    with snapshot_of(visit, role, period) as snapshot:
        node = snapshot.one("node", unit_code=code)
        result = snapshot.one("unit", place=node["place"]) if node and node["level"] == "unit" else None
        if node is None or result is None:
            raise NotThere
        above = snapshot.rows("above", place=node["place"])
        found = snapshot.rows("findings_of_unit", place=node["place"])
        forms = snapshot.rows("forms", place=node["place"])
        scans = snapshot.rows("scans", place=node["place"])
        months = snapshot.rows("months", place=node["place"])
        about = snapshot.about
    log = visit.portal.log()
    waived = log.waivers()
    moving = [shown(visit, f, waived) for f in found if f["moves"] != "flag" and f["counts"]]
    flags = Counter(f["rule_id"] for f in found if f["moves"] == "flag" and f["counts"] and f["status"] == "open")
    return visit.page(
        "unit.html.jinja",
        decides=role == ROLE,
        units_page=PAGES_OF_UNITS[role],
        node=node,
        above=above,
        result=result,
        about=about,
        period=period,
        periods=periods(visit.portal.home.portal),
        moving=moving,
        flags=[(rule, visit.words.rule(rule), n) for rule, n in flags.most_common()],
        mails=_mails_of(forms, scans),
        scan=_shown_scan(scans),
        months=months,
        decided=[d for d in log.decisions if d.unit_code == code and (d.period in ("", period))],
        extension=next((d for d in log.on(f"{code}/{period}") if d.kind == "extend"), None),
        unsealed=next((f for f in found if f["moves"] == "seal"), None),
        notices=notices(visit.portal.reader, period, TO_UNITS, code),
        is_late=visit.now >= datetime.fromisoformat(about["cutoff"]),
        done=visit.asked("done"),
    )


def difference(visit: Visit, role: str = ROLE) -> Response:
    """What a form changed in the one that the unit sent before it, row by row by the sheet's key."""
    code, name = (str(visit.request.path_params[part]) for part in ("unit", "form"))
    period = chosen_period(visit)
    with snapshot_of(visit, role, period) as snapshot:
        node = snapshot.one("node", unit_code=code)
        forms = {f["form_id"]: f for f in snapshot.rows("forms", place=node["place"])} if node else {}
        form = forms.get(name)
        if node is None or form is None or form["before_id"] not in forms:
            raise NotThere
        rows = snapshot.rows("changes", form_id=name)
    by_sheet: dict[str, list[Row]] = {}
    for row in rows:
        by_sheet.setdefault(row["sheet_key"], []).append(row)
    return visit.page(
        "difference.html.jinja",
        node=node,
        period=period,
        units_page=PAGES_OF_UNITS[role],
        form=form,
        before=forms[form["before_id"]],
        sheets=list(by_sheet.items()),
        total=sum(of_sheet[0]["total"] for of_sheet in by_sheet.values()),
    )


def _mails_of(forms: Sequence[Row], scans: Sequence[Row]) -> list[dict[str, Any]]:
    """What came in each mail, the latest first."""
    mails: dict[str, dict[str, Any]] = {}
    for key, rows in (("forms", forms), ("scans", scans)):
        for row in rows:
            mail = mails.setdefault(row["mail"], {"at": row["received_at"], "forms": [], "scans": []})
            mail[key].append(row)
    return [{"mail": mail, **what} for mail, what in sorted(mails.items(), key=lambda m: m[1]["at"], reverse=True)]


def _shown_scan(scans: Sequence[Row]) -> Row | None:
    """The scan to look at: the latest with a seal, else the latest that could be opened."""
    states = ("sealed", "unsealed")
    return next((row for state in states for row in scans if row["state"] == state), None)


def decide_on_unit(visit: Visit) -> Response:
    """Extend a unit's cut-off, or leave a note on its month."""
    code, period = str(visit.request.path_params["unit"]), sent_period(visit)
    with snapshot_of(visit, ROLE, period) as snapshot:
        node = snapshot.one("node", unit_code=code)
    if node is None or node["level"] != "unit":
        raise NotThere
    act = visit.sent("act")
    if act == "extend":
        try:
            until = datetime.fromisoformat(visit.sent("until")).replace(tzinfo=visit.portal.zone)
        except ValueError as error:
            raise Refused(visit.words.say("decide.no_time")) from error
        late = visit.sent("late") == "yes"
        wanted = _wanted(visit, "extend", unit=code, period=period, until=until, late=late)
    elif act == "note":
        wanted = _wanted(visit, "note", subject=f"{code}/{period}")
    else:
        raise Refused(visit.words.say("decide.no_act"))
    return decided(visit, wanted, f"/units/{code}?period={period}")


# --------------------------------------------------------------------------------------------------------- held mails
def held(visit: Visit) -> Response:
    """The mails that wait for a steward, with what they hold and the unit that they name; the carrier's alone."""
    period = chosen_period(visit)
    with snapshot_of(visit, ROLE, period) as snapshot:
        rows = snapshot.rows("mails")
        names = {row["unit_code"]: row["unit_name"] for row in _units_named(snapshot, rows)}
    log = visit.portal.log()
    for row in rows:
        row["held_files"], row["named"] = json.loads(row["files"]), json.loads(row["names"])
        row["assigned"] = next((d for d in log.on(row["mail"]) if d.kind == "assign"), None)
    return visit.page(
        "held.html.jinja",
        mails=rows,
        names=names,
        period=period,
        periods=periods(visit.portal.home.portal),
        done=visit.asked("done"),
    )


def _units_named(snapshot: Snapshot, mails: Sequence[Row]) -> list[Row]:
    codes = {code for mail in mails for code, _ in json.loads(mail["names"])}
    return [node for code in sorted(codes) if (node := snapshot.one("node", unit_code=code))]


def assign(visit: Visit) -> Response:
    """Give a held mail to a unit."""
    name, code, period = str(visit.request.path_params["mail"]), visit.sent("unit"), sent_period(visit)
    with snapshot_of(visit, ROLE, period) as snapshot:
        row = next((m for m in snapshot.rows("mails") if m["mail"] == name), None)
        node = snapshot.one("node", unit_code=code)
    if row is None:
        raise NotThere
    if node is None or node["level"] != "unit":
        raise Refused(visit.words.say("decide.no_unit"))
    named = json.loads(row["names"])
    mail = {**row, "period": period, "named": named, "held_files": json.loads(row["files"])}
    mail["received_at"] = datetime.fromisoformat(row["received_at"])
    covers = {c for c, where_named in named if where_named == "cover"}
    anyway = visit.sent("anyway") == "yes"
    if covers - {code} and not anyway:
        raise Refused(visit.words.say("decide.other_unit", units="、".join(sorted(covers))))
    wanted = _wanted(visit, "assign", mail=mail, unit=code, period=period, anyway=anyway)
    return decided(visit, wanted, f"/held?period={period}")


# ------------------------------------------------------------------------------------------------------ the log
def decisions(visit: Visit) -> Response:
    """The log: every decision on the units of the scopes granted, and what became of it."""
    log, mine = visit.portal.log(), _codes(visit)
    kind, state = visit.asked("kind"), visit.asked("state")
    rows = [
        {
            "d": d,
            "about": json.loads(d.about),
            "standing": d.key in log.standing,
            "after": log.after.get(d.key),
            "awaits": _awaits(visit, log, d),
        }
        for d in reversed(log.decisions)
        if _is_theirs(d, mine) and kind in ("", d.kind)
    ]
    if state == "standing":
        rows = [r for r in rows if r["standing"]]
    return visit.page("decisions.html.jinja", rows=rows, kind=kind, state=state, done=visit.asked("done"))


def _awaits(visit: Visit, log: Log, decision: Decision) -> bool:
    """Whether a waiver waits for a second person."""
    needs = json.loads(decision.about).get("effect") in visit.portal.settings.approved_effects
    return (
        decision.kind == "waive"
        and needs
        and decision.key in log.standing
        and not any(d.kind == "approve" for d in log.on(decision.key))
    )


def _codes(visit: Visit) -> set[str]:
    """The units that the person's scopes cover, in any month that has a snapshot; "" for the carrier's steward."""
    found: set[str] = set()
    for period in periods(visit.portal.home.portal):
        with snapshot_of(visit, ROLE, period) as snapshot:
            found |= {row["unit_code"] for row in snapshot.rows("codes")}
    return found


def _is_theirs(decision: Decision, codes: set[str]) -> bool:
    return decision.unit_code in codes


def decide_on_decision(visit: Visit) -> Response:
    """Take a decision back, or approve it as a second person."""
    key = str(visit.request.path_params["key"])
    log = visit.portal.log()
    decision = next((d for d in log.decisions if d.key == key), None)
    if decision is None or not _is_theirs(decision, _codes(visit)):
        raise NotThere
    act = visit.sent("act")
    if act not in ("take_back", "approve"):
        raise Refused(visit.words.say("decide.no_act"))
    if act == "approve" and decision.decided_by == visit.who.display:
        raise Refused(visit.words.say("decide.own"))
    return decided(visit, _wanted(visit, act, subject=key), own_path(visit.sent("back") or "/decisions"))
