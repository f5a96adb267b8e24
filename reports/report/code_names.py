"""Codes of the report's tables in words: rules, items, indicators, forms, figures.

Belongs here: names that need the catalogue. Does not: codes that glossary.yaml names by themselves (formats.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from expectations.catalogue import Catalogue
from expectations.language import language
from reports.text import formats
from reports.text.sentences import words

FULL_WIDTH = str.maketrans({"(": "（", ")": "）", ",": "，", ";": "；"})

Look = Callable[[str], str]


def looks(catalogue: Catalogue, lang: str) -> dict[str, Look]:
    """What turns codes into words, by the `look` of a column."""
    say, tongue = words(lang), language(lang)
    messages, glossary = catalogue.texts["messages"], catalogue.texts["glossary"]

    def rule(code: str) -> str:
        return str(messages[code]["title"][lang]) if code in messages else code

    def item(code: str) -> str:
        known = catalogue.item_by_code.get(code)
        own = known.text if known else code
        return own if tongue.speaks_catalogue else str(glossary["items"].get(code, {}).get(lang, own))

    def basis(code: str) -> str:
        if code not in catalogue.item_by_code:
            return ""
        source, place = re.split(r"[, ]+", catalogue.item_by_code[code].basis, maxsplit=1)
        return f"{formats.name('sources', source, lang)} {place.translate(FULL_WIDTH) if tongue.full_width else place}"

    def indicator(code: str) -> str:
        return _indicator(code, catalogue, lang)

    def form(code: str) -> str:
        return say.say("form.return") if code == "return" else formats.name("short_forms", code, lang)

    def mail_form(code: str) -> str:
        name, _, status = code.partition(".")
        return say.say(f"mail_form.{status or name}", form=form(name))

    def each(look: Look, joint: str) -> Look:
        return lambda codes: joint.join(look(code) for code in codes.split(";"))

    joint, comma = say.say("joint.items"), say.say("names.separator")
    ways: dict[str, Look] = {
        "items": item,
        "bases": basis,
        "rules": each(rule, joint),
        "indicators": indicator,
        "checklists": lambda code: formats.name("checklists", code, lang),
        "form": form,
        "mail_forms": each(mail_form, joint),
        "codes": lambda codes: comma.join(formats.name("codes", c, lang) for c in codes.split("、")),
        "figures": lambda path: figure_name(path, catalogue, lang),
        "senders": lambda names: names or say.say("unit.unknown"),
    }
    return {key: cache(look) for key, look in ways.items()}  # the same codes come back in every report


def figure_name(path: str, catalogue: Catalogue, lang: str) -> str:
    """A dotted path of summary.json in words; findings by the title of their rule, indicators by their name."""
    parts = path.split(".")
    if parts[:2] == ["findings", "by_rule"] and len(parts) == 3:
        title = catalogue.texts["messages"].get(parts[2], {}).get("title", {}).get(lang, "")
        return f"{formats.name('sections', 'data_quality', lang)} · {parts[2]} {title}".strip()
    if parts[0] == "indicators" and len(parts) == 3:
        code = parts[1]
        return f"{code} {_indicator(code, catalogue, lang)} · {formats.figure_name(f'indicators.{parts[2]}', lang)}"
    if parts[:2] == ["self_check", "by_checklist"] and len(parts) > 3:
        rest = formats.figure_name(".".join(["self_check", *parts[3:]]), lang)
        return f"{formats.name('checklists', parts[2], lang)} · {rest}"
    if len(parts) == 3 and parts[1].startswith(("by_", "open_by_")):
        return f"{formats.name('sections', parts[0], lang)} · {formats.figure_name(path, lang)}"
    return formats.figure_name(path, lang)


def _indicator(code: str, catalogue: Catalogue, lang: str) -> str:
    """The name of an indicator; its code where it is unknown."""
    known = catalogue.indicator_by_code.get(code)
    own = known.zh if known else code
    if language(lang).speaks_catalogue:
        return own
    return str(catalogue.texts["glossary"]["indicators"].get(code, {}).get(lang, own))
