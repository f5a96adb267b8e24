"""The worklist: findings by what moves figures first, by rule and unit, with filters; its export; waiving many.

Belongs here: choosing and counting them. Does not: one finding (finding_pages.py), recording what was decided
(recording.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from starlette.responses import Response

from assets.ledger.models import Decision
from reports.portal.access import Refused, Visit, own_path
from reports.portal.answers import templates
from reports.portal.asked import (
    NO_SHEET,
    STATUSES,
    STEWARD,
    Asked,
    asked_of,
    chosen_period,
    page_after,
    snapshot_of,
)
from reports.portal.finding_lines import hint, shown
from reports.portal.reading import Row
from reports.portal.recording import decided, findings_sent, later_months, wanted_of
from reports.portal.shape import ANY, RANK
from reports.portal.words import Words

A_PAGE = 100
MOST_EXPORTED = 1_000_000


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


def worklist(visit: Visit) -> Response:
    """Findings: what moves figures first, by rule and unit; filters in the address."""
    return visit.kept(visit.portal.state(), _worklist)


def _worklist(visit: Visit) -> Response:
    period = chosen_period(visit)
    with snapshot_of(visit, STEWARD, period) as snapshot:
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
        months=later_months(period),
    )


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
        return {"title": say(f"facet.{name}"), "choices": made, "rest": 0}

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
        rest = sum(r["n"] for r in _matching(counts, chosen)) - sum(r["n"] for r in by_unit)
        found.append({"title": say("facet.unit"), "choices": choices, "rest": rest})
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


def export(visit: Visit) -> Response:
    """The findings of the filter as CSV, as a page shows them."""
    period = chosen_period(visit)
    with snapshot_of(visit, STEWARD, period) as snapshot:
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


def waive_batch(visit: Visit) -> Response:
    """Waive the findings that were chosen, with one reason: all or none."""
    names = list(dict.fromkeys(str(name)[:64] for name in visit.form.getlist("finding")))
    if not names:
        raise Refused(visit.words.say("decide.none_chosen"))
    rows = findings_sent(visit, names)
    wanted = wanted_of(visit, "waive", rows=rows, through=visit.sent("through"))
    return decided(visit, wanted, own_path(visit.sent("back") or "/worklist"))


templates.globals |= {"chips": chips, "can_any": can_any}
