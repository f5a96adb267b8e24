"""What a form that was sent again replaced, and what changed by it, row by row of the same key.

Belongs here: reading that and putting it into a sentence. Does not: which of several forms stands (sql/settled).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from assets.instance.warehouse import Warehouse, model
from expectations.catalogue import Catalogue

SHOWN = 3  # keys that are named


@dataclass(frozen=True, slots=True)
class SheetChange:
    """A sheet of the form: rows before and after; how many were added, are gone, changed; some keys that are gone."""

    sheet: str
    before: int
    after: int
    added: int
    gone: int
    changed: int
    gone_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Replacement:
    """A form that replaced the one in an earlier file; `earlier_at` is aware, local; empty sheets are left out."""

    form: str
    earlier_at: datetime
    earlier_file: str
    sheets: tuple[SheetChange, ...]


def sheet_changes(
    warehouse: Warehouse, catalogue: Catalogue, form: str, pairs: Sequence[tuple[str, str]]
) -> dict[str, tuple[SheetChange, ...]]:
    """What changed in each form of a kind beside the one before it (form_id of both), by form_id."""
    found: dict[str, list[SheetChange]] = {new: [] for new, _ in pairs}
    for sheet in catalogue.form(form).sheets if pairs else ():
        parameters = {
            "staging": f"staging.{sheet.key}",
            "keys": list(sheet.key_columns),
            "forms": [new for new, _ in pairs],
            "earlier": [old for _, old in pairs],
        }
        by_form: dict[str, list[Mapping[str, Any]]] = {}
        for row in warehouse.rows(model("feedback/changed_rows"), parameters):
            by_form.setdefault(row["of_form"], []).append(row)
        for form_id, rows in by_form.items():
            found[form_id].append(_of_rows(sheet.title, rows))
    return {form_id: tuple(changes) for form_id, changes in found.items()}


def _of_rows(sheet: str, rows: Sequence[Mapping[str, Any]]) -> SheetChange:
    gone = [row["key"] for row in rows if row["before"] > row["after"]]
    return SheetChange(
        sheet=sheet,
        before=sum(row["before"] for row in rows),
        after=sum(row["after"] for row in rows),
        added=sum(max(0, row["after"] - row["before"]) for row in rows),
        gone=sum(max(0, row["before"] - row["after"]) for row in rows),
        changed=sum(min(row["before"], row["after"]) for row in rows if row["is_otherwise"]),
        gone_keys=tuple(key for key in gone if key)[:SHOWN],
    )


def in_words(
    replacement: Replacement, say: Callable[..., str], form_name: str, moment: Callable[[datetime], str]
) -> str:
    """The sentence on one form, by the texts of feedback.yaml."""
    told = []
    for change in replacement.sheets:
        if not (change.added or change.gone or change.changed):
            told.append(say("replaced_same", sheet=change.sheet, after=change.after))
            continue
        words = say(
            "replaced_sheet", sheet=change.sheet, before=change.before, after=change.after, added=change.added,
            gone=change.gone, changed=change.changed,
        )  # fmt: skip
        if change.gone_keys:
            more = say("and_more") if change.gone > len(change.gone_keys) else ""
            words += say("replaced_gone", keys=say("list").join(change.gone_keys) + more)
        told.append(words)
    head = say("replaced_form", form=form_name, moment=moment(replacement.earlier_at), file=replacement.earlier_file)
    return say("label", label=head, text=say("apart").join(told)) if told else head
