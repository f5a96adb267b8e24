"""What the report says, read from sections.yaml and first_page.yaml: sentences chosen, columns and blocks as described.

Belongs here: the reading of the descriptions, and the evaluation of their expressions. Does not: the figures
(content.py), the words (texts.yaml), the look of anything (the renderers).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template
from jinja2.sandbox import SandboxedEnvironment

from expectations.language import read_texts
from reports.text.sentences import Words

HERE = Path(__file__).parent

Facts = Mapping[str, Any]
MOST_HEADLINES = 6


def share(part: float, whole: float) -> float | None:
    """100 x part / whole to 2 decimals, half up as in summary.json; None of nothing."""
    return round(100 * part / whole + 1e-9, 2) if whole else None


def _most(counts: Mapping[str, float]) -> str:
    """The key of the largest number, the first where several are."""
    return max(counts, key=lambda key: counts[key])


GLOBALS = {"share": share}  # what expressions may call, beside the facts


@cache
def _environment() -> SandboxedEnvironment:
    environment = SandboxedEnvironment(undefined=StrictUndefined)
    environment.filters["most"] = _most
    return environment


@cache
def _compiled(expression: str) -> Template:
    return _environment().from_string(f"{{% set value = {expression} %}}")


def evaluate(expression: Any, facts: Facts) -> Any:
    """The value of an expression over the facts; jinja2.UndefinedError where it names what is not there."""
    if not isinstance(expression, str):
        return expression
    path = expression.split(".")
    if all(part.isidentifier() for part in path) and path[0] in facts:
        return _follow(path, facts)
    template = _compiled(expression)
    # Not Environment.compile_expression, which copies facts and globals at every call: hundreds for each report.
    context = template.new_context({**GLOBALS, **facts}, shared=True)
    deque(template.root_render_func(context), maxlen=0)
    value = context.vars["value"]
    if isinstance(value, StrictUndefined):
        value._fail_with_undefined_error()
    return value


@cache
def _choosing(condition: str) -> Template:
    loop = f"{{% for row in rows %}}{{% if {condition} %}}{{{{ loop.index0 }}}} {{% endif %}}{{% endfor %}}"
    return _environment().from_string(loop)


def places(condition: str, rows: Sequence[Facts]) -> frozenset[int]:
    """Where the rows are for which a condition holds, over `row` and Jinja's own `loop`; asked in one go, as a template
    takes longer to begin than to ask many rows. jinja2.UndefinedError where it names what is not there.
    """
    return frozenset(map(int, _choosing(condition).render(rows=rows).split()))


def _follow(path: Sequence[str], facts: Facts) -> Any:
    """A plain path, without Jinja: most expressions are one."""
    value: Any = facts
    for part in path:
        value = value[part] if isinstance(value, Mapping) else getattr(value, part)
    return value


@cache
def description(name: str) -> Any:
    """One of the YAML files beside this module."""
    return read_texts(HERE / f"{name}.yaml")


# ------------------------------------------------------------------------------------------------------------ sentences
def holds(entry: Mapping[str, Any], facts: Facts) -> bool:
    """Whether an entry's condition (`when`) is met; one without a condition always is."""
    return "when" not in entry or bool(evaluate(entry["when"], facts))


def _fill(entry: Mapping[str, Any], facts: Facts, words: Words) -> str:
    """The text of an entry; a value may itself be a list of entries, of which the first that holds is said."""
    values = {
        name: first_said(value, facts, words) if isinstance(value, list) else evaluate(value, facts)
        for name, value in entry.get("with", {}).items()
    }
    if "text" in entry:
        return words.fill(entry["text"], **values)
    key = entry["say"]
    if facts.get("partly_reported") and words.has(of_reported := f"{key}.of_reported"):
        key = of_reported  # of units that have not reported nothing is said (reports.md)
    return words.say(key, **values)


def first_said(entries: Sequence[Mapping[str, Any]], facts: Facts, words: Words) -> str:
    """The first of the entries that is to be said; "" where none is."""
    return next((_fill(e, facts, words) for e in entries if holds(e, facts)), "")


def all_said(entries: Sequence[Mapping[str, Any]], facts: Facts, words: Words) -> tuple[str, ...]:
    """Every entry that is to be said, once, or once for each row."""
    return tuple(sentence for e in entries for sentence in _each(e, facts, words))


def _each(entry: Mapping[str, Any], facts: Facts, words: Words) -> Iterator[str]:
    if "each" not in entry:
        if holds(entry, facts):
            yield _fill(entry, facts, words)
        return
    for row in evaluate(entry["each"], facts):
        of_row = {**facts, "row": row}
        if holds(entry, of_row):
            yield _fill(entry, of_row, words)


def headlines(facts: Facts, words: Words) -> list[tuple[str, str]]:
    """The sentences of the first page with their anchors: all without a weight, and the heaviest of the others."""
    returns = next(s["headline"] for s in description("sections") if s["key"] == "returns")
    said: list[tuple[float | None, str, str]] = []
    for entry in description("first_page")["headlines"]:
        if not holds(entry, facts):
            continue
        choices = returns if "from" in entry else entry.get("any", [entry])
        if sentence := first_said(choices, facts, words):
            weight = evaluate(entry["weight"], facts) if "weight" in entry else None
            said.append((weight, sentence, entry["anchor"]))
    room = MOST_HEADLINES - sum(weight is None for weight, _, _ in said)
    weighed = sorted((i for i, s in enumerate(said) if s[0] is not None), key=lambda i: -(said[i][0] or 0))
    kept = set(weighed[: max(room, 0)])
    return [(s, a) for i, (weight, s, a) in enumerate(said) if weight is None or i in kept]
