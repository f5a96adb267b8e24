"""What is in force in which month: checklist items, columns, form versions; past months stay as they were asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from assets.month.submissions import Booking, book
from expectations.catalogue import HERE, Catalogue, CatalogueError, load_catalogue
from expectations.suites import sheet_checks
from tests.test_submissions import BOOKING, form, mail

OCTOBER, NOVEMBER = "2026-10", "2026-11"
ITEM = "    - {code: NSW-02, text: 领导小组与工作组成员及职责已更新, basis: 一(一)(二)}\n"
TICKET = "{key: ticket, zh: 工单号, type: text, required: always"
VERSIONS = f"""form_version: "2027.1"
form_versions: [{{version: "2026.1", valid_to: {OCTOBER}}}, {{version: "2027.1", valid_from: {NOVEMBER}}}]
"""


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Catalogue]:
    """The catalogue with some words of one of its files put otherwise."""

    def load(file: str, *instead: tuple[str, str]) -> Catalogue:
        text = (HERE / file).read_text(encoding="utf-8")
        for before, after in instead:
            assert before in text
            text = text.replace(before, after, 1)
        (tmp_path / file).write_text(text, encoding="utf-8")
        return load_catalogue(tmp_path)

    return load


def changed_items(written: Callable[..., Catalogue]) -> Catalogue:
    """NSW-02 weighs more from November on, and NSW-90 is new."""
    after = ITEM.replace("basis:", f"valid_from: {NOVEMBER}, weight: 3, basis:")
    new = after.replace("NSW-02", "NSW-90")
    return written("checklists.yaml", (ITEM, ITEM.replace("basis:", f"valid_to: {OCTOBER}, basis:") + after + new))


def with_ticket(written: Callable[..., Catalogue]) -> Catalogue:
    """Exposed assets have a column more, required from November on."""
    remark = "        - {key: remark,"
    return written("forms.yaml", (remark, f"        - {TICKET}, valid_from: {NOVEMBER}}}\n{remark}"))


def test_items_are_asked_in_the_months_of_their_life(written: Callable[..., Catalogue]) -> None:
    def asked(catalogue: Catalogue, period: str) -> dict[str, float]:
        return {i.code: i.weight for i in catalogue.items_for("county", frozenset({"idc"}), False, period)}

    catalogue, before = changed_items(written), load_catalogue()
    assert asked(catalogue, OCTOBER) == asked(before, OCTOBER)
    assert asked(catalogue, NOVEMBER) == {**asked(before, NOVEMBER), "NSW-02": 3.0, "NSW-90": 3.0}
    # What a profile is told by: the same items since the same month.
    assert [catalogue.items_since(m) for m in ("2026-09", OCTOBER, NOVEMBER, "2027-03")] == ["", "", NOVEMBER, NOVEMBER]
    assert before.items_since("2031-01") == ""


def test_a_required_column_is_asked_for_from_its_month_on(written: Callable[..., Catalogue]) -> None:
    catalogue = with_ticket(written)

    def missing_values(period: str) -> bool:
        of_month = catalogue.of_month(period)
        checks = sheet_checks(of_month.sheets["exposed_assets"], of_month)
        return ("GEN-01", ("ticket",)) in [(c.rule.id, c.at) for c in checks]

    assert (missing_values(OCTOBER), missing_values(NOVEMBER)) == (False, True)
    assert (
        load_catalogue().of_month(OCTOBER).sheets["exposed_assets"]
        == catalogue.of_month(OCTOBER).sheets["exposed_assets"]
    )


@pytest.mark.parametrize(("period", "returned"), [(OCTOBER, False), (NOVEMBER, True)])
def test_a_form_without_a_column_is_returned_from_its_month_on(
    written: Callable[..., Catalogue], period: str, returned: bool
) -> None:
    sent = mail(form(period=period), at="2026-12-02T10:00")
    told = {"rule_id": "WBK-02", "file": "附件.xlsx", "sheet": "暴露面资产新增", "column": "工单号"}
    slots = dict.fromkeys(("cell", "value", "expected", "reason"), "") | {"row": 0}
    lacking = {**slots, **told, "form_id": sent.forms[0]["form_id"]}
    sent.faults.append(lacking)
    booked = book([sent], period, replace(BOOKING, catalogue=with_ticket(written)))
    assert [s.returned for s in booked.submissions] == [returned]
    assert ("WBK-02" in [f.fault.rule_id for f in booked.findings]) is returned


def test_each_month_accepts_the_form_version_of_its_time(written: Callable[..., Catalogue]) -> None:
    catalogue = written("forms.yaml", ('form_version: "2026.1"\n', VERSIONS))
    booking = Booking(BOOKING.register, catalogue, BOOKING.deadline, frozenset())

    def refused(period: str, version: str) -> bool:
        booked = book([mail(form(period=period, form_version=version), at="2026-12-02T10:00")], period, booking)
        return "WBK-06" in [f.fault.rule_id for f in booked.findings]

    assert [refused(OCTOBER, "2026.1"), refused(OCTOBER, "2027.1")] == [False, True]
    assert [refused(NOVEMBER, "2026.1"), refused(NOVEMBER, "2027.1")] == [True, False]
    assert [catalogue.of_month(m).form_version for m in (OCTOBER, NOVEMBER)] == ["2026.1", "2027.1"]


def test_a_return_rule_that_only_advises_in_a_month_returns_nothing_in_it(written: Callable[..., Catalogue]) -> None:
    head = "  - {id: CVR-07,"
    advises = written("rules.yaml", (head, f"{head} advice_until: {OCTOBER},"))
    nil = json.dumps({"has_exposed_assets": "否"})
    for period, returned in ((OCTOBER, False), (NOVEMBER, True)):
        sent = mail(form(period=period, **json.loads(nil)), at="2026-12-02T10:00")
        booked = book([sent], period, replace(BOOKING, catalogue=advises))
        assert [s.returned for s in booked.submissions] == [returned]


@pytest.mark.parametrize(
    ("file", "before", "after", "words"),
    [
        ("checklists.yaml", ITEM, ITEM * 2, "checklists.yaml: NSW-02 is there twice in the same month"),
        (
            "checklists.yaml",
            "{code: NSW-02,",
            "{code: NSW-02, valid_to: 2026-1,",
            "NSW-02: valid_to: '2026-1' is not a",
        ),
        (
            "checklists.yaml",
            "{code: NSW-02,",
            "{code: NSW-02, valid_from: 2026-11, valid_to: 2026-10,",
            "NSW-02: valid_to 2026-10 lies before valid_from 2026-11",
        ),
        ("forms.yaml", "{key: public_ip,", "{key: public_ip, valid_from: 2026-11,", "public_ip is part of the key"),
        ("forms.yaml", 'form_version: "2026.1"\n', VERSIONS.replace("2027.1", "2028.1", 1), "2028.1 is none of"),
    ],
    ids=["twice", "no month", "backwards", "key", "version"],
)
def test_a_life_that_contradicts_itself_is_refused(
    written: Callable[..., Catalogue], file: str, before: str, after: str, words: str
) -> None:
    with pytest.raises(CatalogueError, match=words):
        written(file, (before, after))
