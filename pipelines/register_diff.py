"""What edits of the register would change in closed months: `sixth register diff`, and what `sixth run` says of them.

system.md, The register. Belongs here: the lines for people, and the months settled by today's register in a copy that
is thrown away, to count the figures. Does not: which register a month rests on (assets/instance/closed_months.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from assets.instance.closed_months import Edit, closed_months, not_applied, register_of
from assets.instance.home import Home

if TYPE_CHECKING:
    from assets.instance.warehouse import Warehouse

MOST_EDITS = 5  # told of in a run's summary; `sixth register diff` names all


def edit_lines(home: Home, most: int = MOST_EDITS) -> list[str]:
    """What today's register says otherwise of closed months, and that they stay as they are; nothing where nothing."""
    found = not_applied(home, register_of(home))
    if not found:
        return []
    lines = [f"register edits that would change closed months ({', '.join(found)}); they stay as they are:"]
    lines += [f"  {line}" for line in _by_edit(found, most)]
    lines.append(
        "  `sixth register diff` counts the figures; `sixth run --apply-register` rewrites the months; an edit from a "
        "month on is a new line with active_from"
    )
    return lines


def _by_edit(found: Mapping[str, Sequence[Edit]], most: int) -> list[str]:
    months: dict[str, list[str]] = {}
    for month, edits in found.items():
        for edit in edits:
            months.setdefault(str(edit), []).append(month)
    lines = [f"{edit} ({', '.join(of)})" for edit, of in months.items()]
    return lines[:most] + ([f"and {len(lines) - most} more"] if len(lines) > most else [])


def figure_counts(home: Home, as_of: datetime) -> dict[str, tuple[int, int]]:
    """Of every closed month that today's register would change: in how many scopes how many figures would differ.

    Raises what settling raises; nothing of the home is changed.
    """
    months = list(not_applied(home, register_of(home)))
    if not months:
        return {}
    from assets.month.settle import indexed_work  # noqa: PLC0415 - the warehouse, which a run's lines do without
    from assets.month.spans import settle_months  # noqa: PLC0415
    from pipelines.copied_session import copied_session  # noqa: PLC0415

    summaries = []
    for apply_to in ([], closed_months(home)):
        with copied_session(home, as_of, apply_register=apply_to) as session:
            work = session.once(indexed_work)
            settle_months(work, months[-1])
            summaries.append({month: _summaries(session.warehouse, month) for month in months})
    was, would_be = summaries
    return {month: _differing(was[month], would_be[month]) for month in months}


def _summaries(warehouse: Warehouse, month: str) -> dict[str, Any]:
    rows = warehouse.rows("select scope, summary from marts.summaries where period = $period", {"period": month})
    return {r["scope"]: dict(_flat(json.loads(r["summary"]))) for r in rows}


def _flat(figures: Mapping[str, Any], path: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for key, value in figures.items():
        name = f"{path}.{key}" if path else key
        flat += _flat(value, name) if isinstance(value, Mapping) else [(name, value)]
    return flat


def _differing(was: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]) -> tuple[int, int]:
    scopes = figures = 0
    for scope in was.keys() | now.keys():
        before, after = was.get(scope, {}), now.get(scope, {})
        differ = sum((before.get(name) or 0) != (after.get(name) or 0) for name in before.keys() | after.keys())
        scopes, figures = scopes + bool(differ), figures + differ
    return scopes, figures
