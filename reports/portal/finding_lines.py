"""A finding in the visitor's words: its place, what is wrong, what can be decided about it.

Belongs here: what every list and page of findings says. Does not: which findings are listed (worklist.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assets.ledger.models import Decision
from expectations.language import DEFAULT
from expectations.messages import fill, reason_text
from reports.portal.access import Visit
from reports.portal.reading import Row


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
