"""The blocks of a section as sections.yaml describes them: tables, charts, the matrix, for one scope.

Belongs here: filling a block. Does not: queries (queries.py), sentences (sections.py), the first page (content.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from expectations.catalogue import Catalogue
from reports.model import Cause, Change, Chart, Column, Header, Matrix, Section, Series, Table
from reports.report.code_names import Look, figure_name
from reports.report.expressions import Facts, all_said, description, evaluate, first_said, places, share
from reports.report.facts import flat, known, look_up
from reports.report.queries import Found, Row, described_queries
from reports.text import formats
from reports.text.sentences import words

BARS_SHOWN = 15

Block = Table | Chart | Matrix

OTHERS = frozenset({"其他", "Other"})  # what is of no kind that has a name
CHANGES_SHOWN = 5  # of the figures that a supplement changes


class Blocks:
    """Makes the sections of one scope. A class, since every block looks into the same few things."""

    def __init__(
        self,
        lang: str,
        catalogue: Catalogue,
        history: Mapping[str, Any],
        found: Mapping[str, Found],
        facts: Facts,
        looks: Mapping[str, Look],
    ) -> None:
        self.lang, self.catalogue, self.history, self.found, self.looks = lang, catalogue, history, found, looks
        self.words = words(lang)
        self.facts, self.now = facts, facts["now"]

    def section(self, entry: Mapping[str, Any]) -> Section:
        """One section: its headline, its sentences, its blocks."""
        blocks: dict[str, Block] = {}
        unknown = "rests_on" in entry and known(self.now, entry["rests_on"]) is None
        for block in entry["blocks"]:
            if ("when" in block and not evaluate(block["when"], self.facts)) or (unknown and not _is_of_months(block)):
                continue
            kind = next(k for k in _BLOCKS if k in block)
            made = _BLOCKS[kind](self, block)
            if made is not None and not self.is_idle(made):
                blocks[made.anchor] = made
        return Section(
            key=entry["key"],
            title=formats.name("sections", entry["key"], self.lang),
            headline=first_said(entry["headline"], self.facts, self.words).rstrip("。."),
            sentences=all_said(entry.get("sentences", ()), self.facts, self.words),
            blocks=tuple(blocks.values()),
        )

    def is_idle(self, block: Block) -> bool:
        """Whether a table is empty, and that says nothing: there is no sentence for it."""
        return isinstance(block, Table) and not block.rows and not self.words.has(f"empty.{block.anchor}")

    def table(
        self,
        name: str,
        columns: Sequence[Column],
        rows: Sequence[Row],
        total: int,
        block: Mapping[str, Any],
        **more: Any,
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
            title=self.words.say(spec["head"]) if "head" in spec else self.heading(key, spec.get("title", "")),
            kind=kind,
            unit=unit or (formats.labels(self.lang)["points"] if kind == "points" and key != "score_change" else ""),
            codes=spec.get("codes", ""),
            wide=bool(spec.get("wide", False)),
            bar=None if bar is None else float(bar),
        )

    def heading(self, key: str, title: str) -> str:
        """A heading: of the glossary where it says so (`group.key`), else of texts.yaml, else a figure's name."""
        if title:
            group, _, code = title.partition(".")
            return formats.name(group, code, self.lang)
        return self.words.say(f"column.{key}") if self.words.has(f"column.{key}") else self.figure(key)

    def query(self, block: Mapping[str, Any]) -> Table:
        """A table of a query."""
        name, found = block["query"], self.found[block["query"]]
        entered = list(zip(*found.rows, strict=True)) or [()] * len(found.names)
        columns: list[Column] = []
        shown: list[Sequence[Any]] = []
        sheet = block.get("sheet", block.get("source", "").removeprefix("data/").removesuffix(".csv"))
        for key, entry in block["columns"].items():
            spec = entry if isinstance(entry, Mapping) else {"kind": entry}
            values = entered[found.names[spec.get("of", key)]]
            column = self.column(key, spec, values)
            if key == "row" and sheet in self.catalogue.sheets:
                column = replace(column, unit=formats.name("sheets", sheet, self.lang))
            columns.append(column)
            look = self.looks[spec["look"]] if "look" in spec else None
            shown.append(values if look is None else [None if v is None else look(v) for v in values])
        rows = list(zip(*shown, strict=True))
        return self.table(name, columns, rows, found.total, block, emphasis=self.marked(block, name))

    def marked(self, block: Mapping[str, Any], name: str) -> frozenset[int]:
        """The rows that matter; none where all do, as marks would then tell nothing."""
        if "mark" not in block:
            return frozenset()
        rows = self.facts["rows"][name]
        marked = places(block["mark"], rows)
        return marked if len(marked) < len(rows) or len(rows) == 1 else frozenset()

    def figures(self, block: Mapping[str, Any]) -> Table:
        """Figures of the summary beside last month's."""
        before, rows = self.facts["before"], []
        for entry in block["rows"]:
            figure = entry if isinstance(entry, str) else entry["figure"]
            whole = block["share"] if isinstance(entry, str) else None
            now = known(self.now, figure)
            rows.append(
                (
                    self.figure(figure),
                    now,
                    share(now, look_up(self.now, whole)) if whole and now is not None else None,
                    None if before is None else known(before, figure),
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
        rows = [
            (period, *(self.of_month(k, s, month) for k, s in specs.items())) for period, month in self.history.items()
        ]
        return self.table(block["history"], columns, rows, len(rows), block)

    def of_month(self, key: str, spec: Any, month: Mapping[str, Any]) -> Any:
        """A figure of a month: by its path, or by an expression over `month`."""
        if isinstance(spec, Mapping) and "is" in spec:
            return evaluate(spec["is"], {"month": month})
        return known(month, key)

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
            rows.append((self.figure(path), value, then, self.definition(path), path))
        kinds = {
            "figure": {"wide": True}, "value": "text", "before": "text", "definition": {"wide": True}, "path": "code",
        }  # fmt: skip
        columns = [self.column(key, spec) for key, spec in kinds.items()]
        return self.table(block["definitions"], columns, rows, len(rows), {"source": "summary.json"}, whole=True)

    def changes(self, header: Header) -> Table:
        """What a supplement changes: figure, before, after, and because of what; those of the first page first, then in
        the order of the summary.
        """
        labels = formats.labels(self.lang)
        columns = (
            Column("figure", labels["figure_changed"]),
            Column("before", labels["was"]),
            Column("after", labels["is"]),
            Column("because", labels["because"], wide=True),
        )
        places = {path: place for place, (path, _) in enumerate(flat(self.now))}
        groups = {path.rpartition(".")[0]: place for path, place in places.items()}  # of codes that occur no more
        page = description("first_page")
        told = [*(kpi["figure"] for kpi in page["kpis"]), *page["moves"]]
        first = {figure: place - len(told) for place, figure in enumerate(dict.fromkeys(told))}

        def place(change: Change) -> int:
            path = change.figure
            return first.get(path, places.get(path, groups.get(path.rpartition(".")[0], 0)))

        rows = tuple(
            (self.measured(c.figure), c.before, c.after, "\n".join(self.cause(cause) for cause in c.because))
            for c in sorted(header.changes, key=place)
        )
        title = labels["changes"].format(version=header.before_version)
        return Table("changes", title, columns, rows, len(rows), source="report.xlsx", folded_after=CHANGES_SHOWN)

    def cause(self, cause: Cause) -> str:
        """What changed a figure, in words."""
        values = dict(cause.values)
        if "kind" in values:
            values["kind"] = formats.name("decisions", values["kind"], self.lang)
        return self.words.say(f"cause.{cause.kind}", **values)

    def measured(self, path: str) -> str:
        """A figure in words, with the sign of a percentage where it is one."""
        rate = path.rpartition(".")[2] in {"rate", "pass_rate", "answered_rate"}
        return formats.labels(self.lang)["in_percent"].format(figure=self.figure(path)) if rate else self.figure(path)

    def definition(self, path: str) -> str:
        """How a figure is defined: its own text, or that of the longest part of its path that has one."""
        parts = path.split(".")
        if parts[:2] == ["self_check", "by_checklist"] and len(parts) > 3:
            return self.definition(".".join(["self_check", *parts[3:]]))
        if parts[0] in {"forms", "indicators"}:
            return self.words.say(f"define.{parts[0]}.{parts[-1]}")
        for end in range(len(parts), 0, -1):
            if self.words.has(key := f"define.{'.'.join(parts[:end])}"):
                return self.words.say(key)
        raise KeyError(f"texts.yaml does not define {path}")

    def weights(self, block: Mapping[str, Any]) -> Table:
        """What the score is made of."""
        lang, parts = self.lang, self.catalogue.texts["glossary"]["score_parts"]
        points = {part: int(n) if n == int(n) else n for part, n in self.facts["weights"].items()}
        rows = [(parts[p][lang], points.get(p), formats.name("score_measures", p, lang)) for p in parts]
        columns = [self.column("part", "text"), self.column("points", "text"), self.column("measure", {"wide": True})]
        return self.table(block["weights"], columns, rows, len(rows), {})

    # --------------------------------------------------------------------------------------------------------- charts
    def chart(self, block: Mapping[str, Any]) -> Chart | None:
        """A chart of a table or of the months; none where there is nothing to draw."""
        by_months = _is_of_months(block)
        if "months" in block:
            labels = tuple(self.history)
            series = {key: [self.of_block(e, m) for m in self.history.values()] for key, e in block["months"].items()}
        elif by_months:
            specs = next(
                b["columns"] for s in description("sections") for b in s["blocks"] if b.get("history") == block["from"]
            )
            labels = tuple(self.history)
            series = {k: [self.of_month(k, specs[k], m) for m in self.history.values()] for k in block["series"]}
        else:
            labels, series = self.of_table(block)
        if not any(v for values in series.values() for v in values):
            return None
        if by_months and sum(any(v is not None for v in month) for month in zip(*series.values(), strict=True)) < 2:
            return None  # a dot shows no course
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

    def of_block(self, figure: str, month: Mapping[str, Any]) -> float | None:
        """A number of a month: a figure, or an expression over `month`, known where what it names first is."""
        if not figure.startswith("month."):
            value: float | None = known(month, figure)
            return value
        named = figure.removeprefix("month.").partition(" ")[0]
        return None if known(month, named) is None else evaluate(figure, {"month": month})

    def series_name(self, key: str) -> str:
        """A series in words."""
        return self.words.say(f"series.{key}") if self.words.has(f"series.{key}") else self.words.say(f"column.{key}")

    def of_table(self, block: Mapping[str, Any]) -> tuple[tuple[str, ...], dict[str, list[float | None]]]:
        """Labels and numbers of a chart from a table of the same section."""
        spec = described_queries()[block["from"]]
        found = self.found[block["from"]]
        columns, shown = spec["columns"], found.rows
        if block.get("sorted"):
            key = columns[block["series"][0]].get("of", block["series"][0])
            shown = sorted(shown, key=lambda row: -(row[found.names[key]] or 0))
        shown = shown[: block.get("bars", BARS_SHOWN)]

        def values(key: str) -> list[Any]:
            of = columns[key].get("of", key) if key in columns and isinstance(columns[key], Mapping) else key
            return [row[found.names[of]] for row in shown]

        label = columns.get(block["labels"], {"kind": "state", "codes": "codes"})
        raw = values(block["labels"])
        if "look" in label:
            names = [self.looks[label["look"]](code) for code in raw]
        else:
            names = [formats.name(label.get("codes", "codes"), code, self.lang) for code in raw]
        return tuple(names), {key: values(key) for key in block["series"]}

    def chart_title(
        self,
        block: Mapping[str, Any],
        labels: Sequence[str],
        series: Sequence[Sequence[float | None]],
        *,
        by_months: bool,
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
            key = "chart.least" if least else "chart.most"
            named = [(n, i) for n, i in known if n and labels[i] not in OTHERS]
            if labels[place] in OTHERS and named:  # that most are of no kind that has a name tells nobody anything
                key, (total, place) = f"{key}_named", max(named, key=lambda k: (k[0], -k[1]))
            return self.words.say(key, label=labels[place], now=write(total))
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
        key = joint.join(f"{c} {formats.name('checklists', c, self.lang)}" for c in labels)
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

    def figure(self, path: str) -> str:
        """A figure in words."""
        return figure_name(path, self.catalogue, self.lang)


def _is_of_months(block: Mapping[str, Any]) -> bool:
    return "history" in block or "months" in block or block.get("from", "").endswith("_months")


_BLOCKS: Mapping[str, Callable[[Blocks, Mapping[str, Any]], Block | None]] = {
    "query": Blocks.query,
    "figures": Blocks.figures,
    "history": Blocks.months,
    "matrix": Blocks.matrix,
    "heat": Blocks.heat,
    "chart": Blocks.chart,
    "definitions": Blocks.definitions,
    "weights": Blocks.weights,
}
