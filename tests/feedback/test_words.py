"""The words of answers and blank forms: there in both languages, with the same places to fill, and well set.

Belongs here: feedback.yaml and blank_forms.yaml, and rule ids in knock_on.yaml. Does not: messages (tests/test_texts.py).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from expectations import language
from expectations.catalogue import load_catalogue
from tests.test_texts import HALF_WIDTH

REPORTS = Path(__file__).parents[2] / "reports"
PLACE = re.compile(r"\{(\w+)\}")


def load(name: str) -> Any:
    return language.load((REPORTS / name).read_bytes())


def texts(name: str) -> dict[str, Any]:
    """The texts of a file by key, those of a group of their own among them."""
    content = load(name)
    groups = [(k, v) for k, v in content.items() if not v.keys() <= {"zh", "en"}]
    found = {f"{k}.{inner}": text for k, group in groups for inner, text in group.items()}
    return {k: v for k, v in content.items() if k not in dict(groups)} | found


TEXTS = [
    pytest.param(text, id=f"{name}-{key}")
    for name in ("feedback/feedback.yaml", "blank/blank_forms.yaml")
    for key, text in texts(name).items()
]


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_is_there_in_both_languages_with_the_same_places(text: dict[str, Any]) -> None:
    assert set(text) == {"zh", "en"}
    zh, en = ("\n".join(t) if isinstance(t, list) else t for t in (text["zh"], text["en"]))
    assert zh.strip()
    assert en.strip()
    assert set(PLACE.findall(zh)) == set(PLACE.findall(en))
    assert not HALF_WIDTH.search(zh), zh


def test_what_follows_from_what_names_rules_and_columns_that_there_are() -> None:
    catalogue = load_catalogue()
    for entry in load("feedback/knock_on.yaml"):
        for side in (entry["cause"], entry["follows"]):
            if isinstance(side, dict):
                assert side["effect"] in {r.effect for r in catalogue.rules.values()}
            else:
                assert set(side) <= catalogue.rules.keys()
        assert entry["within"] in {"form", "row", "cell", "heading", "flag"}
        if "at" in entry:
            sheet, column = entry["at"].split(".")
            assert catalogue.sheets[sheet].column(column)
