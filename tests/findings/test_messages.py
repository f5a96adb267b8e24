"""Messages of findings: filled with what was found, whole where the words are ours."""

from __future__ import annotations

import pytest

from expectations.catalogue import Catalogue, load_catalogue
from expectations.messages import LONGEST_VALUE, fill, message


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.mark.parametrize(
    ("reason", "asked"),
    [("archive_kind", ".zip"), ("archive_nested", "解压"), ("program", "程序"), ("unknown_kind", ".xlsx")],
)
def test_what_was_set_aside_says_why_and_what_to_send(catalogue: Catalogue, reason: str, asked: str) -> None:
    told = message(catalogue.rules["ENV-04"], {"file": "附件2.rar", "reason": reason}, catalogue)
    assert told.startswith("附件“附件2.rar”类型不在接收范围，未打开：")
    assert asked in told.partition("：")[2]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_reason_is_cut(catalogue: Catalogue, lang: str) -> None:
    for code, text in catalogue.texts["reasons"].items():
        told = message(catalogue.rules["ENV-03"], {"file": "附件2.xlsx", "reason": code}, catalogue, lang)
        assert text[lang] in told


def test_what_strangers_wrote_is_cut() -> None:
    assert fill("“{value}”", {"value": "x" * 100}) == f"“{'x' * (LONGEST_VALUE - 1)}…”"
