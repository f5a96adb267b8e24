"""What the sentences of a report may speak of: its figures, last month's, the rows of its tables, names of units.

Belongs here: everything that an expression of sections.yaml or first_page.yaml can name. Does not: the expressions,
and what is said by them (sections.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from assets.instance import periods
from reports.model import Header, Value
from reports.report.code_names import Look
from reports.report.expressions import all_said, description, share
from reports.report.queries import Found
from reports.text import formats
from reports.text.sentences import Names, Words

# Which form a figure of the summary rests on: nothing is known of it while nobody's form is effective. Agreements are
# carried over from month to month, and so are problems, of which something is known once there was one.
RESTS_ON = {
    "exposed_assets": "annex2",
    "app_launches": "annex2",
    "self_check": "annex3",
    "rectification": "annex3",
    "incidents": "annex3",
    "indicators": "annex3",
}


NEW_INCIDENTS = "incidents.by_level"
# The states whose units sentences name, and the figures that count them.
NAMED = {"missing": "missing", "returned": "returned", "incomplete": "incomplete", "late": "complete_late"}


def known(summary: Mapping[str, Any], path: str) -> Any:
    """A figure, or None when no unit has an effective form behind it: 0 would claim something that we do not know."""
    part = path.partition(".")[0]
    form = RESTS_ON.get(part)
    if form and not summary["forms"][form]["effective"] and not (part == "rectification" and summary[part]["open"]):
        return None
    return look_up(summary, path)


def look_up(summary: Mapping[str, Any], path: str) -> Any:
    """A figure by its dotted path; 0 for a code that does not occur, None where there is none.

    Of incidents by level all together: those whose number was not counted before, however many rows speak of them.
    """
    value: Any = summary
    for part in path.split("."):
        if not isinstance(value, Mapping):
            return None
        if part not in value:
            return 0 if any(p.startswith("by_") or p == "open_by_severity" for p in path.split(".")) else None
        value = value[part]
    return sum(value.values()) if path == NEW_INCIDENTS else value


def flat(summary: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Value]]:
    """Every figure of a summary with its dotted path, in order."""
    figures: list[tuple[str, Value]] = []
    for key, value in summary.items():
        path = f"{prefix}.{key}" if prefix else key
        figures.extend(flat(value, path) if isinstance(value, Mapping) else [(path, value)])
    return figures


class Rows(Mapping[str, Any]):
    """Rows of the tables of a scope, made into dictionaries when an expression first asks for them."""

    def __init__(self, found: Mapping[str, Found]) -> None:
        self._found = found
        self._made: dict[str, list[dict[str, Any]]] = {}

    def __getitem__(self, name: str) -> list[dict[str, Any]]:
        if name not in self._made:
            self._made[name] = self._found[name].dicts()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def make_facts(
    header: Header,
    history: Mapping[str, Any],
    found: Mapping[str, Found],
    names: Mapping[str, Sequence[str]],
    figures: Mapping[str, Any],
    looks: Mapping[str, Look],
    say: Words,
) -> dict[str, Any]:
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
        a, b = known(now, path), known(before, path)
        return None if a is None or b is None else round(a - b, 2)

    def name(group: str, code: str) -> str:
        return looks[group](code) if group in looks else formats.name(group, code, header.lang)

    def is_thin(form: str) -> bool:
        """Whether so few returns of a form are effective, or fewer than last month, that nothing is called better."""
        forms = now["forms"][form]
        fewer = before is not None and forms["effective"] < before["forms"][form]["effective"]
        return bool(fewer or forms["effective"] * 2 < forms["expected"])

    facts: dict[str, Any] = {
        "now": now,
        "is_thin": is_thin,
        "partly_reported": any(now["forms"][f]["effective"] < now["forms"][f]["expected"] for f in RESTS_ON.values()),
        "before": before,
        "rows": Rows(found),
        "total": {key: f.total for key, f in found.items()},
        "units": {
            state: Names(names.get(state, ()), units[key], *figures.get("nodes", {}).get(state, ()))
            for state, key in NAMED.items()
        },
        "delta": delta,
        "name": name,
        "kind": header.kind,
        "closed": header.as_of >= header.cutoff,
        "changes": len(header.changes),
        "new_incidents": sum(now["incidents"]["by_level"].values()),
        "before_version": header.before_version,
        "rate_on_time": rate,
        "rate_moved": None if rate is None or rate_before is None else round(rate - rate_before, 2),
        "zero_scores": 0, "top_scores": 0, "last_scores": 0, "supervised": 0, "mean_score": None, "high_overdue": 0,
        "received": 0, "counted": 0, "weights": {}, "worse": 0, "better": 0,
        **figures,
    }  # fmt: skip
    ratios = facts["rows"]["indicators_ratios"]
    facts["short"] = sum(ratio["gap"] is not None and ratio["gap"] < 0 for ratio in ratios)
    page = description("first_page")
    facts["risks"] = say.say("risk.separator").join(all_said(page["risks"], facts, say))
    facts["decisions"] = say.say("joint.items").join(all_said(page["decisions"], facts, say))
    return facts
