"""The reports of all scopes as content: sections filled from the warehouse, sentences from the figures.

Belongs here: queries run once for all scopes, and what they yield put into the shapes of model.py. Does not: what
the sections are (sections.yaml, first_page.yaml, sql/sections/), the words (texts.yaml), the four forms.

Personal data stands in no section: no query of sql/sections/ selects a column that forms.yaml marks as such.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assets import periods
from assets.warehouse import Warehouse, model
from expectations.catalogue import Catalogue
from reports import notation
from reports.model import Chart, Column, Header, Kpi, Matrix, Move, Report, Section, Series, Table, Value
from reports.sections import Facts, all_said, description, evaluate, first_said, headlines, share
from reports.wording import Words, words

ROWS_SHOWN = 300  # of a table; the file of data/ has them all
BARS_SHOWN = 15
HEAT_ROWS_SHOWN = 40
MOVES_TOLD = 8
LEAST_RATE_MOVE = 0.5  # percentage points below which a rate is said to stand
LEAST_RANK_MOVE = 3

Row = tuple[Any, ...]
Look = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Found:
    """What a query found for one scope: its columns, the rows shown, and how many there are in all."""

    names: Mapping[str, int]
    rows: Sequence[Row]
    total: int

    def dicts(self) -> list[dict[str, Any]]:
        """The rows for expressions."""
        return [dict(zip(self.names, row, strict=True)) for row in self.rows]


class _Rows(Mapping[str, Any]):
    """Rows of the tables of a scope, made into dictionaries when an expression first asks for them."""

    def __init__(self, found: Mapping[str, Found]) -> None:
        self._found = found
        self._made: dict[str, list[dict[str, Any]]] = {}

    def __getitem__(self, name: str) -> list[dict[str, Any]]:
        if name not in self._made:
            self._made[name] = self._found[name].dicts()
        return self._made[name]

    def __iter__(self) -> Any:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def gather(
    warehouse: Warehouse, catalogue: Catalogue, parameters: Mapping[str, Any], headers: Mapping[str, Header]
) -> dict[str, Report]:
    """The reports of the scopes in `headers`, by scope code, each in the language of its header.

    `parameters` are those of months.Work; the period must be settled. KeyError where a scope has no summary.
    """
    parameters = {**parameters, "scopes": list(headers), "shown": ROWS_SHOWN}
    history = _history(warehouse, parameters)
    found = {name: _query(warehouse, block, parameters) for name, block in _queries().items()}
    names = _by_scope(warehouse.rows(model("sections/scope_names"), parameters))
    facts = {r["scope"]: r for r in warehouse.rows(model("sections/scope_facts"), parameters)}
    looks = {lang: _looks(catalogue, lang) for lang in {h.lang for h in headers.values()}}
    reports = {}
    for scope, header in headers.items():
        own = {name: by_scope[scope] if scope in by_scope else _nothing(by_scope) for name, by_scope in found.items()}
        filler = Filler(
            header,
            catalogue,
            history[scope],
            own,
            {r["state"]: r["names"] for r in names[scope]},
            facts.get(scope, {}),
            looks[header.lang],
        )
        reports[scope] = filler.report()
    return reports


# ------------------------------------------------------------------------------------------------------------- queries
def _queries() -> dict[str, Mapping[str, Any]]:
    """The blocks that rest on a query, by name."""
    return {
        block[kind]: {"sql": block[kind], **block}
        for section in description("sections")
        for block in section["blocks"]
        for kind in ("query", "matrix", "heat")
        if kind in block
    }


def _query(warehouse: Warehouse, block: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Found]:
    """Run a query for all scopes at once; by scope its first rows. Under "" stands what a scope without any has."""
    only = " and ".join(f"{column} = '{value}'" for column, value in block.get("only", {}).items())
    cursor = warehouse.execute(
        f"""
        select *
        from (
            select *, count(*) over (partition by scope) as total
            from ({model(f"sections/{block['sql']}")})
            where list_contains($scopes, scope) {"and " + only if only else ""}
        )
        where place <= $shown
        order by scope, place
        """,
        {**parameters, "shown": block.get("shown", parameters["shown"])},
    )
    names = {d[0]: i for i, d in enumerate(cursor.description or ())}
    by_scope: dict[str, list[Row]] = defaultdict(list)
    scope, total = names["scope"], names["total"]
    for row in cursor.fetchall():
        by_scope[row[scope]].append(row)
    found = {code: Found(names, rows, rows[0][total]) for code, rows in by_scope.items()}
    return {**found, "": Found(names, (), 0)}


def _nothing(by_scope: Mapping[str, Found]) -> Found:
    return by_scope[""]


def _by_scope(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    grouped: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        grouped[row["scope"]].append(row)
    return grouped


def _history(warehouse: Warehouse, parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The summaries of the last 12 months on record, by scope and period, in order."""
    rows = warehouse.execute(
        """
        select scope, period, summary
        from marts.summaries
        where period > $year_before and period <= $period and list_contains($scopes, scope)
        order by scope, period
        """,
        parameters,
    ).fetchall()
    history: dict[str, dict[str, Any]] = defaultdict(dict)
    for scope, period, summary in rows:
        history[scope][period] = json.loads(summary)
    return history


def _looks(catalogue: Catalogue, lang: str) -> dict[str, Look]:
    """What turns codes into words, by the `look` of a column."""
    say = words(lang)
    messages, glossary = catalogue.texts["messages"], catalogue.texts["glossary"]

    def rule(code: str) -> str:
        return str(messages[code]["title"][lang]) if code in messages else code

    def item(code: str) -> str:
        if lang == "zh":
            return catalogue.item_by_code[code].text if code in catalogue.item_by_code else code
        return str(glossary["items"].get(code, code))

    def basis(code: str) -> str:
        if code not in catalogue.item_by_code:
            return ""
        source, _, place = catalogue.item_by_code[code].basis.partition(" ")
        return f"{notation.name('sources', source, lang)} {place}".strip()

    def indicator(code: str) -> str:
        if lang == "zh":
            return catalogue.indicator_by_code[code].zh if code in catalogue.indicator_by_code else code
        return str(glossary["indicators"].get(code, code))

    def form(code: str) -> str:
        return say.say("form.return") if code == "return" else notation.name("short_forms", code, lang)

    def mail_form(code: str) -> str:
        name, _, status = code.partition(".")
        return say.say(f"mail_form.{status or name}", form=form(name))

    def each(look: Look, joint: str) -> Look:
        return lambda codes: joint.join(look(code) for code in codes.split(";"))

    joint, comma = say.say("joint.items"), say.say("names.separator")
    return {
        "items": item,
        "bases": basis,
        "rules": each(rule, joint),
        "indicators": indicator,
        "checklists": lambda code: notation.name("checklists", code, lang),
        "form": form,
        "mail_forms": each(mail_form, joint),
        "codes": lambda codes: comma.join(notation.name("codes", c, lang) for c in codes.split("、")),
        "figures": lambda path: figure_name(path, catalogue, lang),
        "unknown": str,
    }


def figure_name(path: str, catalogue: Catalogue, lang: str) -> str:
    """A dotted path of summary.json in words; findings by the title of their rule, indicators by their name."""
    parts = path.split(".")
    if parts[:2] == ["findings", "by_rule"] and len(parts) == 3:
        title = catalogue.texts["messages"].get(parts[2], {}).get("title", {}).get(lang, "")
        return f"{parts[2]} {title}".strip()
    if parts[0] == "indicators" and len(parts) == 3:
        code = parts[1]
        by_code = catalogue.indicator_by_code
        chinese = by_code[code].zh if code in by_code else code
        named = chinese if lang == "zh" else catalogue.texts["glossary"]["indicators"].get(code, code)
        return f"{code} {named} · {notation.figure_name(f'indicators.{parts[2]}', lang)}"
    if parts[:2] == ["self_check", "by_checklist"] and len(parts) > 3:
        rest = notation.figure_name(".".join(["self_check", *parts[3:]]), lang)
        return f"{notation.name('checklists', parts[2], lang)} · {rest}"
    return notation.figure_name(path, lang)


# ------------------------------------------------------------------------------------------------------ one scope's report
class Filler:
    """Fills the sections of one scope. A class, since every step looks into the same dozen facts."""

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
        self.header, self.catalogue, self.found, self.looks = header, catalogue, found, looks
        self.words: Words = words(header.lang)
        self.history = history
        self.facts = make_facts(header, history, found, names, figures, looks, self.words)
        self.now = self.facts["now"]

    def report(self) -> Report:
        """The whole report."""
        sections = tuple(self.section(s) for s in description("sections"))
        anchors = {"changes"} | {b.anchor for s in sections for b in s.blocks}
        said = headlines(self.facts, self.words)
        return Report(
            header=self.header,
            title=self.title(),
            provisional=self.provisional(),
            headlines=tuple(sentence for sentence, _ in said),
            kpis=tuple(self.kpi(k, anchors) for k in description("first_page")["kpis"]),
            sections=sections,
            headline_anchors=tuple(anchor if anchor in anchors else "" for _, anchor in said),
            moves=tuple(self.moves()),
        )

    def title(self) -> str:
        """Whose report of which period."""
        kind = "half" if "H" in self.header.period else "month" if "-" in self.header.period else "year"
        return self.words.say(f"title.{kind}", scope=self.header.scope_name, period=self.header.period)

    def provisional(self) -> str:
        """Who is missing, while the report is interim or units are missing; "" otherwise."""
        names, counts = self.facts["units"], self.now["units"]
        who = " ".join(
            self.words.say(f"provisional.who_{state}", n=counts[state], names=names[state])
            for state in ("missing", "returned")
            if counts[state]
        )
        if self.header.lang == "zh":
            who = who.replace(" ", "") if False else who.replace("。 ", "。")
        times = {"as_of": self.header.as_of, "cutoff": self.header.cutoff}
        if self.header.kind == "interim" and not self.facts["closed"]:
            return self.words.say("provisional.open" if who else "provisional.open_none", who=who, **times)
        return self.words.say("provisional.closed", who=who, **times) if who else ""

    def kpi(self, entry: Mapping[str, Any], anchors: set[str]) -> Kpi:
        """A headline figure."""
        figure, before = entry["figure"], self.facts["before"]
        return Kpi(
            label=self.words.say(entry["label"]) if "label" in entry else self.name(figure),
            value=look_up(self.now, figure),
            kind=entry["kind"],
            unit=self.words.say(entry["unit"]),
            before=None if before is None else look_up(before, figure),
            good=entry["good"],
            trend=tuple(look_up(month, figure) for month in self.history.values()),
            anchor=entry["anchor"] if entry["anchor"] in anchors else "",
            detail=first_said(entry["detail"], self.facts, self.words),
        )

    def moves(self) -> list[Move]:
        """What got worse and better since last month: figures first, then the units that moved most in rank."""
        moves = {"worse": [], "better": []}  # type: dict[str, list[Move]]
        for figure, good in description("first_page")["moves"].items():
            change = self.facts["delta"](figure)
            is_rate = isinstance(look_up(self.now, figure), float)
            if not change or (is_rate and abs(change) < LEAST_RATE_MOVE):
                continue
            kind = "better" if (change > 0) == (good == "up") else "worse"
            write = self.words.percent if is_rate else self.words.number
            text = self.words.say(
                "move.up" if change > 0 else "move.down",
                name=self.name(figure),
                before=write(look_up(self.facts["before"], figure)),
                now=write(look_up(self.now, figure)),
            )
            moves[kind].append(Move(kind, text))
        for kind, sign in (("worse", -1), ("better", 1)):
            moves[kind] = moves[kind][: MOVES_TOLD // 2]
            climbed = [r for r in self.facts["rows"]["scores"] if sign * (r["rank_change"] or 0) >= LEAST_RANK_MOVE]
            for row in sorted(climbed, key=lambda r: -sign * r["rank_change"])[:1]:
                key = "move.rank_up" if sign > 0 else "move.rank_down"
                n = abs(row["rank_change"])
                moves[kind].append(Move(kind, self.words.say(key, name=row["unit_name"], n=n, rank=row["rank"])))
        return moves["worse"] + moves["better"]

    def name(self, figure: str) -> str:
        """A figure in words."""
        return figure_name(figure, self.catalogue, self.header.lang)

    # ------------------------------------------------------------------------------------------------------- sections
    def section(self, entry: Mapping[str, Any]) -> Section:
        """One section: its headline, its sentences, its blocks."""
        blocks: dict[str, Table | Chart | Matrix] = {}
        for block in entry["blocks"]:
            if "when" in block and not evaluate(block["when"], self.facts):
                continue
            kind = next(k for k in _BLOCKS if k in block)
            if (made := _BLOCKS[kind](self, block)) is not None:
                blocks[made.anchor] = made
        return Section(
            key=entry["key"],
            title=notation.name("sections", entry["key"], self.header.lang),
            headline=first_said(entry["headline"], self.facts, self.words),
            sentences=all_said(entry.get("sentences", ()), self.facts, self.words),
            blocks=tuple(blocks.values()),
        )

    def table(
        self, name: str, columns: Sequence[Column], rows: Sequence[Row], total: int, block: Mapping[str, Any], **more: Any
    ) -> Table:
        """A table with its title, its note, and the sentence for when it is empty."""
        empty = f"empty.{name}"
        return Table(
            anchor=name,
            title=self.words.say(f"table.{name}"),
            columns=tuple(columns),
            rows=tuple(rows),
            total=total,
            source=block.get("source", ""),
            note=self.words.say(f"note.{name}") if self.words.has(f"note.{name}") else "",
            empty=self.words.say(empty if self.words.has(empty) else "empty.default"),
            **more,
        )

    def column(self, key: str, spec: Any, values: Sequence[Any] = ()) -> Column:
        """A column from its description: `int`, or a mapping of kind, title, unit, codes, wide, bar."""
        spec = spec if isinstance(spec, Mapping) else {"kind": spec}
        kind = spec.get("kind", "text")
        unit = self.words.say(spec["unit"]) if "unit" in spec else ""
        bar = spec.get("bar")
        if bar == "most":
            bar = max((v for v in values if v), default=None)
        return Column(
            key=key,
            title=self.heading(key, spec.get("title", "")),
            kind=kind,
            unit=unit or (notation.labels(self.header.lang)["points"] if kind == "points" and key != "score_change" else ""),
            codes=spec.get("codes", ""),
            wide=bool(spec.get("wide", False)),
            bar=None if bar is None else float(bar),
        )

    def heading(self, key: str, title: str) -> str:
        """A heading: of the glossary where it says so (`group.key`), else of texts.yaml, else a figure's name."""
        if title:
            group, _, code = title.partition(".")
            return notation.name(group, code, self.header.lang)
        return self.words.say(f"column.{key}") if self.words.has(f"column.{key}") else self.name(key)

    def query(self, block: Mapping[str, Any]) -> Table:
        """A table of a query."""
        name, found = block["query"], self.found[block["query"]]
        columns, places, looks = [], [], []
        for key, spec in block["columns"].items():
            spec = spec if isinstance(spec, Mapping) else {"kind": spec}
            place = found.names[spec.get("of", key)]
            columns.append(self.column(key, spec, [row[place] for row in found.rows]))
            places.append(place)
            looks.append(self.looks[spec["look"]] if "look" in spec else None)
        rows = [
            tuple(
                row[place] if look is None or row[place] is None else look(row[place])
                for place, look in zip(places, looks, strict=True)
            )
            for row in found.rows
        ]
        return self.table(name, columns, rows, found.total, block, emphasis=self.marked(block, name))

    def marked(self, block: Mapping[str, Any], name: str) -> frozenset[int]:
        """The rows that matter."""
        if "mark" not in block:
            return frozenset()
        rows = self.facts["rows"][name]
        return frozenset(i for i, row in enumerate(rows) if evaluate(block["mark"], {"row": row, "loop": i}))

    def figures(self, block: Mapping[str, Any]) -> Table:
        """Figures of the summary beside last month's."""
        before, rows = self.facts["before"], []
        for entry in block["rows"]:
            figure = entry if isinstance(entry, str) else entry["figure"]
            whole = block["share"] if isinstance(entry, str) else None
            now = look_up(self.now, figure)
            rows.append(
                (
                    self.name(figure),
                    now,
                    share(now, look_up(self.now, whole)) if whole else None,
                    None if before is None else look_up(before, figure),
                    self.facts["delta"](figure),
                )
            )
        kinds = {"figure": "text", "now": "int", "share": "percent", "before": "int", "change": "delta"}
        columns = [self.column(key, kind) for key, kind in kinds.items()]
        return self.table(block["figures"], columns, rows, len(rows), block)

    def months(self, block: Mapping[str, Any]) -> Table | None:
        """Figures month by month; none while there is but one month."""
        specs: Mapping[str, Any] = block["columns"]
        if block.get("each") == "counts":
            counts = [i for i in self.catalogue.indicators if i.kind == "count"]
            specs = {f"indicators.{i.code}.numerator": "int" for i in counts}
        if len(self.history) < 2:
            return None
        columns = [self.column("month", "code")]
        for key, spec in specs.items():
            column = self.column(key, spec)
            if block.get("each") == "counts":
                code = key.split(".")[1]
                column = Column(key, f"{code} {self.looks['indicators'](code)}", "int")
            columns.append(column)
        rows = [(period, *(self.of_month(k, s, month) for k, s in specs.items())) for period, month in self.history.items()]
        return self.table(block["history"], columns, rows, len(rows), block)

    def of_month(self, key: str, spec: Any, month: Mapping[str, Any]) -> Value:
        """A figure of a month: by its path, or by an expression over `month`."""
        if isinstance(spec, Mapping) and "is" in spec:
            value: Value = evaluate(spec["is"], {"month": month})
            return value
        return look_up(month, key)

    def matrix(self, block: Mapping[str, Any]) -> Matrix | None:
        """The last 12 months unit by unit."""
        found = self.found[block["matrix"]]
        if not found.rows:
            return None
        name, states, months = (found.names[c] for c in ("unit_name", "states", "periods"))
        return Matrix(
            anchor=block["matrix"],
            title=self.words.say(f"table.{block['matrix']}"),
            periods=tuple(found.rows[0][months].split(",")),
            rows=tuple((row[name], tuple(row[states].split(","))) for row in found.rows),
            total=found.total,
        )

    def definitions(self, block: Mapping[str, Any]) -> Table:
        """Every figure of the summary with its value, last month's, and how it is defined."""
        before, rows = self.facts["before"], []
        for path, value in flat(self.now):
            then = None if before is None else look_up(before, path)
            rows.append((self.name(path), value, then, self.definition(path), path))
        kinds = {
            "figure": {"wide": True}, "value": "text", "before": "text", "definition": {"wide": True}, "path": "code",
        }  # fmt: skip
        columns = [self.column(key, spec) for key, spec in kinds.items()]
        return self.table(block["definitions"], columns, rows, len(rows), {"source": "summary.json"})

    def definition(self, path: str) -> str:
        """How a figure is defined: its own text, or that of the longest part of its path that has one."""
        parts = path.split(".")
        if parts[:2] == ["self_check", "by_checklist"] and len(parts) > 3:
            return self.definition(".".join(["self_check", *parts[3:]]))
        for end in range(len(parts), 0, -1):
            if self.words.has(key := f"define.{'.'.join(parts[:end])}"):
                return self.words.say(key)
        raise KeyError(f"texts.yaml does not define {path}")

    def weights(self, block: Mapping[str, Any]) -> Table:
        """What the score is made of."""
        lang, parts = self.header.lang, self.catalogue.texts["glossary"]["score_parts"]
        points = self.facts["weights"]
        rows = [(parts[p][lang], points.get(p), notation.name("score_measures", p, lang)) for p in parts]
        columns = [self.column("part", "text"), self.column("points", "text"), self.column("measure", {"wide": True})]
        return self.table(block["weights"], columns, rows, len(rows), {})

    # --------------------------------------------------------------------------------------------------------- charts
    def chart(self, block: Mapping[str, Any]) -> Chart | None:
        """A chart of a table or of the months; none where there is nothing to draw."""
        by_months = "months" in block or block.get("from", "").endswith("_months")
        if "months" in block:
            labels = tuple(self.history)
            series = {
                key: [evaluate(e, {"month": m}) if "month." in e else look_up(m, e) for m in self.history.values()]
                for key, e in block["months"].items()
            }
        elif by_months:
            specs = next(
                b["columns"] for s in description("sections") for b in s["blocks"] if b.get("history") == block["from"]
            )
            labels = tuple(self.history)
            series = {k: [self.of_month(k, specs[k], m) for m in self.history.values()] for k in block["series"]}
        else:
            labels, series = self.of_table(block)
        drawn = [v for values in series.values() for v in values if v]
        if not drawn or (by_months and len(labels) < 2):
            return None
        return Chart(
            anchor=block["chart"],
            kind=block["kind"],
            title=self.chart_title(block, labels, list(series.values()), by_months=by_months),
            subtitle=self.words.say(block["sub"]),
            labels=labels,
            series=tuple(Series(self.series_name(key), tuple(values)) for key, values in series.items()),
            target=block.get("target"),
            unit=block.get("unit", ""),
            source=block.get("source", ""),
        )

    def series_name(self, key: str) -> str:
        """A series in words."""
        return self.words.say(f"series.{key}") if self.words.has(f"series.{key}") else self.words.say(f"column.{key}")

    def of_table(self, block: Mapping[str, Any]) -> tuple[tuple[str, ...], dict[str, list[float | None]]]:
        """Labels and numbers of a chart from a table of the same section."""
        spec = _queries()[block["from"]]
        found = self.found[block["from"]]
        shown = found.rows[: block.get("bars", BARS_SHOWN)]
        columns = spec["columns"]

        def values(key: str) -> list[Any]:
            of = columns[key].get("of", key) if key in columns and isinstance(columns[key], Mapping) else key
            return [row[found.names[of]] for row in shown]

        label = columns.get(block["labels"], {"kind": "state", "codes": "codes"})
        raw = values(block["labels"])
        if "look" in label:
            names = [self.looks[label["look"]](code) for code in raw]
        else:
            names = [notation.name(label.get("codes", "codes"), code, self.header.lang) for code in raw]
        return tuple(names), {key: values(key) for key in block["series"]}

    def chart_title(
        self, block: Mapping[str, Any], labels: Sequence[str], series: Sequence[Sequence[float | None]], *, by_months: bool
    ) -> str:
        """A title that says what the chart shows: which is the most, or how the last month stands to those before."""
        totals = [
            None if all(s[i] is None for s in series) else sum(s[i] or 0 for s in series) for i in range(len(labels))
        ]
        write = self.words.percent if block.get("unit") == "%" else self.words.number
        if not by_months:
            known = [(total, i) for i, total in enumerate(totals) if total is not None]
            least = block.get("least", False)
            total, place = min(known) if least else max(known, key=lambda k: (k[0], -k[1]))
            return self.words.say("chart.least" if least else "chart.most", label=labels[place], now=write(total))
        name = self.words.say(block["name"]) if "name" in block else self.series_name(next(iter(
            block.get("series", block.get("months", ()))
        )))  # fmt: skip
        now, before = totals[-1], totals[-2]
        if now is None:
            return self.words.say("chart.unknown", name=name)
        if before is None:
            return self.words.say("chart.only", name=name, now=write(now))
        earlier = [t for t in totals[:-1] if t is not None]
        if len(earlier) > 1 and (now > max(earlier) or now < min(earlier)):
            key = "chart.highest" if now > max(earlier) else "chart.lowest"
            return self.words.say(key, name=name, now=write(now), n=len(totals))
        key = "chart.rose" if now > before else "chart.fell" if now < before else "chart.stayed"
        return self.words.say(key, name=name, now=write(now), before=write(before))

    def heat(self, block: Mapping[str, Any]) -> Chart | None:
        """A heat map: one row a unit, one column a checklist that anyone answered."""
        found = self.found[block["heat"]]
        rates = []
        for row in found.rows:
            lists = row[found.names["lists"]].split(",")
            given = row[found.names["rates"]].split(",")
            by_list = dict(zip(lists, (float(v) if v else None for v in given), strict=True))
            rates.append((row[found.names[block["label"]]], by_list))
        labels = [c for c in self.catalogue.checklists if any(c in by_list for _, by_list in rates)]
        if not labels:
            return None
        joint = self.words.say("joint.items")
        key = joint.join(f"{c} {notation.name('checklists', c, self.header.lang)}" for c in labels)
        return Chart(
            anchor=block["heat"],
            kind="heat",
            title=self.words.say("chart.heat", label=rates[0][0]),
            subtitle=f"{self.words.say(block['sub'])}{joint}{key}",
            labels=tuple(labels),
            series=tuple(Series(name, tuple(by_list.get(c) for c in labels)) for name, by_list in rates),
            unit=block["unit"],
            source=block["source"],
        )


_BLOCKS: Mapping[str, Callable[[Filler, Mapping[str, Any]], Table | Chart | Matrix | None]] = {
    "query": Filler.query,
    "figures": Filler.figures,
    "history": Filler.months,
    "matrix": Filler.matrix,
    "heat": Filler.heat,
    "chart": Filler.chart,
    "definitions": Filler.definitions,
    "weights": Filler.weights,
}


# --------------------------------------------------------------------------------------------------------------- facts
def look_up(summary: Mapping[str, Any], path: str) -> Any:
    """A figure by its dotted path; 0 for a code that does not occur, None where there is none."""
    value: Any = summary
    for part in path.split("."):
        if not isinstance(value, Mapping):
            return None
        if part not in value:
            return 0 if any(p.startswith("by_") or p == "open_by_severity" for p in path.split(".")) else None
        value = value[part]
    return value


def flat(summary: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Value]]:
    """Every figure of a summary with its dotted path, in order."""
    figures: list[tuple[str, Value]] = []
    for key, value in summary.items():
        path = f"{prefix}.{key}" if prefix else key
        figures.extend(flat(value, path) if isinstance(value, Mapping) else [(path, value)])
    return figures


def make_facts(
    header: Header,
    history: Mapping[str, Any],
    found: Mapping[str, Found],
    names: Mapping[str, Sequence[str]],
    figures: Mapping[str, Any],
    looks: Mapping[str, Look],
    say: Words,
) -> Facts:
    """All that the expressions of sections.yaml and first_page.yaml may name."""
    now = history[header.period]
    earlier = [month for period, month in history.items() if period < header.period]
    last = periods.preceding(header.period) if periods.is_period(header.period) else ""
    before = history.get(last) if last else (earlier[-1] if earlier else None)
    units, then = now["units"], before["units"] if before else None
    rate = share(units["complete_on_time"], units["expected"])
    rate_before = share(then["complete_on_time"], then["expected"]) if then else None

    def delta(path: str) -> float | None:
        if before is None:
            return None
        a, b = look_up(now, path), look_up(before, path)
        return None if a is None or b is None else round(a - b, 2)

    def name(group: str, code: str) -> str:
        return looks[group](code) if group in looks else notation.name(group, code, header.lang)

    facts: dict[str, Any] = {
        "now": now,
        "before": before,
        "months": len(history),
        "rows": _Rows(found),
        "total": {key: f.total for key, f in found.items()},
        "units": {s: list(names.get(s, ())) for s in ("missing", "returned", "incomplete", "late")},
        "delta": delta,
        "name": name,
        "kind": header.kind,
        "closed": header.as_of >= header.cutoff,
        "changes": len(header.changes),
        "before_version": header.before_version,
        "rate_on_time": rate,
        "rate_moved": None if rate is None or rate_before is None else round(rate - rate_before, 2),
        "zero_scores": 0, "supervised": 0, "mean_score": None, "received": 0, "counted": 0, "high_overdue": 0,
        "weights": {},
        **figures,
    }  # fmt: skip
    page = description("first_page")
    facts["risks"] = say.say("risk.separator").join(all_said(page["risks"], facts, say))
    facts["decisions"] = say.say("joint.items").join(all_said(page["decisions"], facts, say))
    return facts
