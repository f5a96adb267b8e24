"""The code of a signature page is read as it was written, and names totals that the forms have."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.catalogue import CatalogueError, load_catalogue
from expectations.signature import MOST, SignatureCode, read, signed_totals, written

CATALOGUE = load_catalogue()
WORD = st.text(st.characters(codec="utf-8", exclude_characters="/", exclude_categories=("Z", "C")), min_size=1)
CODES = st.builds(
    SignatureCode, WORD, WORD, WORD, st.dates().map(lambda d: f"{d:%Y-%m}".zfill(7)),
    st.lists(st.integers(0, MOST), max_size=9).map(tuple),
)  # fmt: skip


@given(CODES)
def test_a_code_is_read_as_it_was_written(code: SignatureCode) -> None:
    assert read(written(code)) == code


def test_a_total_too_great_for_its_digits_is_the_greatest() -> None:
    code = SignatureCode("2026.1", "annex2", "EX-15", "2026-10", (MOST + 7, 3))
    assert written(code) == "SIXTH1/2026.1/annex2/EX-15/202610/9999900003"


@pytest.mark.parametrize(
    "text", ["", "https://example.cn/", "SIXTH1/2026.1/annex2/EX-15/202613/", "SIXTH1/a/b/c/202610/1"]
)
def test_another_code_is_none_of_ours(text: str) -> None:
    assert read(text) is None


def test_totals_name_what_the_forms_have() -> None:
    assert [t.title["zh"] for t in signed_totals(CATALOGUE, "annex2")] == ["新增暴露面资产", "APP上线"]
    for form in CATALOGUE.forms:
        totals = signed_totals(CATALOGUE, form.key)
        assert totals
        columns = [form.sheets[[s.key for s in form.sheets].index(t.sheet)].column(t.column) for t in totals]
        assert {c.type for c in columns} <= {"text", "code", "enum"}  # a page can count these as the intake does


def test_a_total_of_what_is_not_there_is_refused() -> None:
    texts = {
        **CATALOGUE.texts,
        "signature": {"annex2": [{"sheet": "exposed_assets", "column": "x", "title": {}}]},
    }
    with pytest.raises(CatalogueError, match=r"signature.yaml: annex2: no exposed_assets.x"):
        signed_totals(replace(CATALOGUE, texts=texts), "annex2")
