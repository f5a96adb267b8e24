"""Messages of findings: filled with what was found, whole where the words are ours."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from expectations.catalogue import Catalogue, load_catalogue
from expectations.columns_of_messages import messages
from expectations.messages import LONGEST_VALUE, WORDS, fill, message

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.mark.parametrize(
    ("reason", "asked"),
    [("archive_kind", ".zip"), ("archive_nested", "解压"), ("program", "程序"), ("unknown_kind", ".xlsx")],
)
def test_what_was_set_aside_says_why_and_what_to_send(catalogue: Catalogue, reason: str, asked: str) -> None:
    told = message(catalogue.rules["ENV-04"], {"file": "附件2.rar", "reason": reason}, catalogue)
    assert told.startswith("您发送的附件“附件2.rar”类型不在接收范围，没有打开（")
    assert asked in told.partition("（")[2]


class _Unrepeated(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """A loader that does not let a later entry stand for an earlier one of the same name."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        names = [self.construct_object(name, deep=True) for name, _ in node.value]  # type: ignore[no-untyped-call]
        assert len(set(names)) == len(names), (
            f"twice in one mapping: {sorted({n for n in names if names.count(n) > 1})}"
        )
        return super().construct_mapping(node, deep)


@pytest.mark.parametrize(
    "file", sorted([*ROOT.glob("expectations/**/*.yaml"), *ROOT.glob("reports/**/*.yaml")]), ids=str
)
def test_nothing_is_said_twice_in_one_file(file: Path) -> None:
    """Three reasons were once called `damaged`: a damaged workbook was told to be packed as .zip, a mail nothing."""
    yaml.load(file.read_text(encoding="utf-8"), _Unrepeated)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_reason_is_cut(catalogue: Catalogue, lang: str) -> None:
    for code, text in catalogue.texts["reasons"].items():
        told = message(catalogue.rules["ENV-03"], {"file": "附件2.xlsx", "reason": code}, catalogue, lang)
        assert text[lang] in told


def test_what_strangers_wrote_is_cut() -> None:
    assert fill("“{value}”", {"value": "x" * 100}) == f"“{'x' * (LONGEST_VALUE - 1)}…”"


CATALOGUE = load_catalogue()
ENTERED = st.one_of(st.just(""), st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=70))
FOUND = st.fixed_dictionaries(
    {name: ENTERED for name in WORDS if name != "reason"}
    | {
        "rule_id": st.sampled_from(sorted(CATALOGUE.rules)),
        "reason": st.sampled_from(["", *CATALOGUE.texts["reasons"]]),
    }
)


@given(st.lists(FOUND, max_size=5))
def test_many_findings_are_told_as_one_is(found: list[dict[str, str]]) -> None:
    frame = pl.DataFrame(found, schema=dict.fromkeys(("rule_id", *WORDS), pl.String))
    assert messages(frame, CATALOGUE).to_list() == [message(CATALOGUE.rules[f["rule_id"]], f, CATALOGUE) for f in found]
