"""The reports of all scopes as content: the first page, and the sections that blocks.py fills.

Belongs here: putting a report together, and what its first page says. Does not: what the sections are (sections.yaml,
first_page.yaml, sql/sections/), the words (texts.yaml), the four forms.

Personal data stands in no section: no query of sql/sections/ selects a column that forms.yaml marks as such.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

from assets.instance.periods import is_period
from assets.instance.warehouse import Warehouse, model
from assets.month.summary import summaries_of_reported
from expectations.catalogue import Catalogue
from expectations.language import language
from reports.model import Header, Kpi, Move, Report
from reports.report.blocks import Blocks
from reports.report.code_names import Look, figure_name, looks
from reports.report.expressions import Facts, description, first_said, headlines
from reports.report.facts import NEW_INCIDENTS, RESTS_ON, known, look_up, make_facts
from reports.report.queries import ROWS_SHOWN, Found, by_scope, described_queries, run, summaries_of_months
from reports.text import formats
from reports.text.sentences import Words, words

MOVES_TOLD = 8
LEAST_RATE_MOVE = 0.5  # percentage points below which a rate is said to stand
LEAST_RANK_MOVE = 3


def gather(
    warehouse: Warehouse, catalogue: Catalogue, parameters: Mapping[str, Any], scopes: Sequence[str]
) -> Callable[[Header], Report]:
    """What the reports of the scopes rest on, asked once for all; what is returned makes the report of a header.

    `parameters` are those of months.Work; the period must be settled. KeyError where a scope has no summary.
    """
    first_page = gather_pages(warehouse, catalogue, parameters, scopes, described_queries())
    return lambda header: first_page(header).report()


def gather_pages(
    warehouse: Warehouse,
    catalogue: Catalogue,
    parameters: Mapping[str, Any],
    scopes: Sequence[str],
    queries: Mapping[str, Mapping[str, Any]],
) -> Callable[[Header], FirstPage]:
    """As `gather`, with other queries, and the first page before its report is made of it."""
    parameters = {**parameters, "scopes": list(scopes), "shown": ROWS_SHOWN}
    history = summaries_of_months(warehouse, parameters)
    found = {name: run(warehouse, block, parameters) for name, block in queries.items()}
    names = by_scope(warehouse.rows(model("sections/scope_names"), parameters))
    before = {r["scope"]: r for r in warehouse.rows(model("sections/missing_before"), parameters)}
    facts = {r["scope"]: r for r in warehouse.rows(model("sections/scope_facts"), parameters)}
    weights = {"weights": warehouse.rows("select * from core.score_weights")[0]}
    named = cache(partial(looks, catalogue))
    # An interim report compares like with like: the units that have reported so far with the same units last month.
    same_units = cache(partial(summaries_of_reported, warehouse, catalogue, parameters))

    def first_page(header: Header) -> FirstPage:
        scope = header.scope
        months = {period: json.loads(summary) for period, summary in history[scope].items()}
        last = parameters["previous"]
        if header.kind == "interim" and is_period(header.period) and last in months:
            months[last] = {**months[last], **same_units()[scope]}
        return FirstPage(
            header,
            catalogue,
            months,
            {name: of.scope(scope) for name, of in found.items()},
            {r["state"]: r["names"] for r in names[scope]},
            {
                **weights,
                **facts.get(scope, {}),
                "nodes": {
                    r["state"]: ([(node["name"], node["units"]) for node in r["most"]], r["nodes"])
                    for r in names[scope]
                },
                "missing_before": before.get(scope),
            },
            named(header.lang),
        )

    return first_page


class FirstPage:
    """What stands before the sections of one scope's report. A class, since all of it rests on the same facts."""

    def __init__(
        self,
        header: Header,
        catalogue: Catalogue,
        history: Mapping[str, Any],
        found: Mapping[str, Found],
        names: Mapping[str, Sequence[str]],
        figures: Mapping[str, Any],
        looks: Mapping[str, Look],
    ) -> None:
        self.header, self.catalogue, self.history = header, catalogue, history
        self.words: Words = words(header.lang)
        facts = make_facts(header, history, found, names, figures, looks, self.words)
        self.facts: Facts = facts
        self.now = facts["now"]
        self.moves = self._moves()
        self.blocks = Blocks(header.lang, catalogue, history, found, facts, looks)
        facts |= {kind: sum(m.kind == kind for m in self.moves["figures"]) for kind in ("better", "worse")}

    def report(self) -> Report:
        """The whole report."""
        sections = tuple(self.blocks.section(s) for s in description("sections"))
        anchors = {"changes"} | {b.anchor for s in sections for b in s.blocks}
        said, provisional = headlines(self.facts, self.words), self.provisional()
        return Report(
            header=self.header,
            title=self.title(),
            provisional=provisional,
            provisional_anchor="returns_owed" if "returns_owed" in anchors and provisional else "",
            headlines=tuple(sentence for sentence, _ in said),
            kpis=tuple(self.kpi(k, anchors) for k in description("first_page")["kpis"]),
            sections=sections,
            headline_anchors=tuple(anchor if anchor in anchors else "" for _, anchor in said),
            moves=tuple(self._told()),
            months=tuple(self.history),
            changes=self.blocks.changes(self.header) if self.header.changes else None,
        )

    def title(self) -> str:
        """Whose report of which period."""
        return self.words.title(self.header.scope_name, self.header.period)

    def provisional(self) -> str:
        """What the report still lacks: who is missing, while it is interim or units are; mails of a mailbox that could
        not be reached; signatures of offices that are asked for one. "" where it lacks nothing.
        """
        names, counts = self.facts["units"], self.now["units"]
        join = language(self.header.lang).between_sentences.join
        who = join(
            self.words.say(f"provisional.who_{state}", n=counts[state], names=names[state])
            for state in ("missing", "returned")
            if counts[state]
        )
        times = {"as_of": self.header.as_of, "cutoff": self.header.cutoff}
        said = []
        if self.header.kind == "interim" and not self.facts["closed"]:
            said.append(self.words.say("provisional.open" if who else "provisional.open_none", who=who, **times))
            if self.facts["before"] is not None:
                said.append(self.words.say("provisional.like_for_like"))
        elif who:
            said.append(self.words.say("provisional.closed", who=who, **times))
            said.append(self.words.say("provisional.until"))
        if who and self.facts["before"] is not None and (then := self.facts.get("missing_before")):
            said.append(self._before(then))
        if self.header.mailbox_unreachable:
            said.append(self.words.say("provisional.mailbox"))
        if self.header.unsigned:
            said.append(self.words.say("provisional.unsigned", names=self.header.unsigned))
        return join(said)

    def _before(self, then: Mapping[str, Any]) -> str:
        """What those that are missing now had reported last month."""
        if not then["reported"]:
            return self.words.say("provisional.before_none")
        told = [kind for kind in ("assets", "apps", "incidents") if then[kind]]
        parts = [self.words.say(f"provisional.before_{kind}", n=then[kind]) for kind in told]
        if not parts:
            return self.words.say("provisional.before_nothing")
        return self.words.say("provisional.before", parts=self.words.say("names.separator").join(parts))

    def kpi(self, entry: Mapping[str, Any], anchors: set[str]) -> Kpi:
        """A headline figure."""
        figure, before = entry["figure"], self.facts["before"]
        value = known(self.now, figure)
        return Kpi(
            label=self.words.say(entry["label"]) if "label" in entry else self.name(figure),
            value=value,
            kind=entry["kind"],
            unit=self.words.say(entry["unit"]),
            before=None if before is None else known(before, figure),
            good="none" if self.is_flattered(figure, entry["good"]) else entry["good"],
            trend=tuple(known(month, figure) for month in self.history.values()),
            anchor=entry["anchor"] if entry["anchor"] in anchors else "",
            detail=first_said(entry["detail"], self.facts, self.words) if value is not None else self.unknown(figure),
        )

    def unknown(self, figure: str) -> str:
        """Why a figure is not known."""
        form = RESTS_ON.get(figure.partition(".")[0])
        return self.words.say("say.no_form", form=formats.name("short_forms", form, self.header.lang)) if form else ""

    def is_flattered(self, figure: str, good: str) -> bool:
        """Whether a figure looks better since fewer units reported what it counts: no improvement to speak of."""
        form, change = RESTS_ON.get(figure.partition(".")[0]), self.facts["delta"](figure) or 0
        if form is None or not change or not self.facts["is_thin"](form):
            return False
        return good != "none" and (change > 0) == (good == "up")

    def _moves(self) -> dict[str, list[Move]]:
        """What got worse and better since last month: figures, and the units that moved most in rank."""
        moves: dict[str, list[Move]] = {"figures": [], "ranks": []}
        for figure, good in description("first_page")["moves"].items():
            change, now = self.facts["delta"](figure), look_up(self.now, figure)
            is_rate = isinstance(now, float)
            if not change or (is_rate and abs(change) < LEAST_RATE_MOVE) or self.is_flattered(figure, good):
                continue
            write = self.words.percent if is_rate else self.words.number
            before = look_up(self.facts["before"], figure)
            key = "move.up" if change > 0 else "move.down"
            name = self.words.say("kpi.incidents") if figure == NEW_INCIDENTS else self.name(figure)
            text = self.words.say(key, name=name, before=write(before), now=write(now))
            moves["figures"].append(Move("better" if (change > 0) == (good == "up") else "worse", text))
        ranked = self.facts["rows"]["scores"]
        if len(ranked) < self.facts["total"]["scores"]:
            return moves  # of a ranking that is cut, nobody can say who moved most
        for kind, sign in (("worse", -1), ("better", 1)):
            moved = [
                row
                for row in ranked
                if sign * (row["rank_change"] or 0) >= LEAST_RANK_MOVE and (row["score"] or sign < 0)
            ]
            for row in sorted(moved, key=lambda r: -sign * r["rank_change"])[:1]:
                n, key = abs(row["rank_change"]), "move.rank_up" if sign > 0 else "move.rank_down"
                text = self.words.say(key, name=row["unit_name"], n=n, rank=row["rank"])
                moves["ranks"].append(Move(kind, text))
        return moves

    def _told(self) -> list[Move]:
        """The moves that are told: of each kind the first few figures, and one unit; the worse before the better."""
        return [
            move
            for kind in ("worse", "better")
            for moves, most in ((self.moves["figures"], MOVES_TOLD // 2), (self.moves["ranks"], 1))
            for move in [m for m in moves if m.kind == kind][:most]
        ]

    def name(self, figure: str) -> str:
        """A figure in words."""
        return figure_name(figure, self.catalogue, self.header.lang)
