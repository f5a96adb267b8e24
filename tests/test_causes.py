"""Every changed figure of a supplement names what changed it, and nothing else does (reports.md)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from assets.instance.closed_months import Edit
from reports.publishing.causes import Causes, Mail, Rests
from reports.publishing.changes import changes_since, flatten

ON = {"register": "r1", "rules": "c1", "settings": "s1", "code": "x1"}
MADE_AT = "2026-11-06T00:30:00+08:00"


def mail(name: str, unit: str, at: str = "2026-11-07T09:00:00+08:00", **more: Any) -> Mail:
    return Mail(name, datetime.fromisoformat(at), unit, frozenset({unit, *more.pop("forms_of", ())}), unit, **more)


KNOWN = (mail("known-a", "A", "2026-11-03T09:00:00+08:00"), mail("held", "", "2026-11-03T10:00:00+08:00"))


def decision(key: str, unit: str, kind: str = "waive") -> dict[str, str]:
    return {"key": key, "kind": kind, "unit_code": unit, "decided_by": "王", "reason": "原件已核对", "place": unit}


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """v1, resting on two mails, one of them held, and one decision."""
    return write_version(tmp_path / "v1")


def write_version(folder: Path) -> Path:
    """Write what a version says that it rests on."""
    (folder / "data").mkdir(parents=True)
    manifest = {
        "as_of": MADE_AT, "software": "1", "rests_on": ON, "decisions": [{"key": "d0", "kind": "waive", "unit": "B"}],
        "mails": [{"sha256": m.sha256, "unit": m.unit, "copies": 0} for m in KNOWN],
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "data/decisions.csv").write_text("key,kind,unit_code,decided_by\nd0,waive,B,王\n", encoding="utf-8-sig")
    return folder


RESTS = Rests(mails=KNOWN, decisions=[decision("d0", "B")], on=ON, software="1", scopes=frozenset({"C", "P"}))


def told(before: Path, units: list[str], **other: Any) -> list[tuple[str, str]]:
    """The causes as (kind, what)."""
    names = {"mail": "mail", "decided": "decision", "ended": "decision", "register": "subject"}
    return [
        (c.kind, dict(c.values).get(names.get(c.kind, ""), ""))
        for c in Causes(before, replace(RESTS, **other)).of(units)
    ]


def test_a_units_own_mail_is_named_and_no_other_units(before: Path) -> None:
    mails = (*KNOWN, mail("new-a", "A"), mail("new-b", "B"))
    assert told(before, ["A"], mails=mails) == [("mail", "new-a")]
    assert told(before, ["B"], mails=mails) == [("mail", "new-b")]


def test_an_offices_mail_is_named_for_the_unit_whose_forms_it_brought(before: Path) -> None:
    assert told(before, ["A"], mails=(*KNOWN, mail("office", "D", forms_of=["A"]))) == [("mail", "office")]


def test_a_mail_that_was_held_is_new_for_its_unit_with_the_decision_that_gave_it(before: Path) -> None:
    mails = (KNOWN[0], replace(KNOWN[1], unit="B", units=frozenset({"B"})))
    decisions = [decision("d0", "B"), decision("d1", "B", "assign")]
    for units in (["B"], [""]):
        assert told(before, units, mails=mails, decisions=decisions) == [("mail", "held"), ("decided", "d1")]


def test_decisions_that_came_and_went_are_named(before: Path) -> None:
    assert told(before, ["B"], decisions=[decision("d0", "B"), decision("d2", "B")]) == [("decided", "d2")]
    assert told(before, ["B"], decisions=[]) == [("ended", "d0")]


def test_an_edit_of_the_register_is_named_for_its_unit_or_for_all(before: Path) -> None:
    rename = Edit("units.csv", 7, "A", "unit_name", "甲", "乙")
    block = Edit("networks.csv", 0, "198.51.100.0/24", "cidr", "", "198.51.100.0/24")
    edits = (rename, block)
    assert told(before, ["A"], edits=edits) == [("register", "A")]
    assert told(before, ["B"], edits=edits) == [("register", "198.51.100.0/24")]
    causes = Causes(before, replace(RESTS, edits=edits)).of(["A"])
    values = (("where", "units.csv:7"), ("subject", "A"), ("field", "unit_name"), ("before", "甲"), ("after", "乙"))
    assert [c.values for c in causes] == [values]


@pytest.mark.parametrize(("part", "kind"), [("rules", "rules"), ("settings", "settings"), ("code", "software")])
def test_what_concerns_all_is_named_where_nothing_of_the_unit_is_new(before: Path, part: str, kind: str) -> None:
    on = {**ON, part: "other"}
    mails = (*KNOWN, mail("new-a", "A"))
    assert told(before, ["B"], on=on, mails=mails) == [(kind, "")]
    assert told(before, ["A"], on=on, mails=mails) == [("mail", "new-a")]


def test_a_mail_of_an_earlier_month_is_named_for_what_is_carried_over(before: Path) -> None:
    assert told(before, ["A"], mails=(*KNOWN, mail("october", "A", earlier=True))) == [("mail", "october")]


def test_another_units_mail_is_named_where_nothing_else_can_have_done_it(before: Path) -> None:
    assert told(before, ["A"], mails=(*KNOWN, mail("new-b", "B"))) == [("mail", "new-b")]


def test_more_copies_of_a_mail_are_told_as_that_mail(before: Path) -> None:
    mails = (replace(KNOWN[0], copies=1), KNOWN[1])
    assert [dict(c.values)["mail"] for c in Causes(before, replace(RESTS, mails=mails)).of_mails()] == ["known-a"]


def test_a_figure_changed_by_the_units_whose_own_figure_did(before: Path, tmp_path: Path) -> None:
    """A and B both have new mails; but only B's assets are more, and the rate moved by A without its own rate moving."""
    was = {"units": {"expected": 2}, "exposed_assets": {"rows_counted": 3}, "indicators": {"I": {"rate": 50.0}}}
    now = {"units": {"expected": 2}, "exposed_assets": {"rows_counted": 4}, "indicators": {"I": {"rate": 60.0}}}
    (before / "summary.json").write_text(json.dumps({"period": "2026-10", **was}), encoding="utf-8")
    rate, numerator, rows = "indicators.I.rate", "indicators.I.numerator", "exposed_assets.rows_counted"
    was_of: Mapping[str, Mapping[str, Any]] = {"A": {rows: 2, rate: 100.0, numerator: 1}, "B": {rows: 1}}
    is_of: Mapping[str, Mapping[str, Any]] = {"A": {rows: 2, rate: 100.0, numerator: 5}, "B": {rows: 2}}
    causes = Causes(before, replace(RESTS, mails=(*KNOWN, mail("new-a", "A"), mail("new-b", "B"))))
    found = {
        c.figure: [dict(cause.values)["mail"] for cause in c.because]
        for c in changes_since(before, now, tmp_path, causes, ["A", "B"], was_of, is_of)
    }
    assert found == {rows: ["new-b"], rate: ["new-a"]}


def test_where_figures_of_units_are_forgotten_rows_that_moved_tell(before: Path, tmp_path: Path) -> None:
    (before / "summary.json").write_text(json.dumps({"exposed_assets": {"rows_counted": 1}}), encoding="utf-8")
    (tmp_path / "data").mkdir()
    for folder, names in ((before, ["门户"]), (tmp_path, ["门户", "邮箱"])):
        frame = pl.DataFrame({"unit_code": ["A", "B"][: len(names)], "asset_name": names})
        frame.write_parquet(folder / "data/exposed_assets.parquet")
    causes = Causes(before, replace(RESTS, mails=(*KNOWN, mail("new-b", "B"), mail("new-a", "A"))))
    changed = changes_since(before, {"exposed_assets": {"rows_counted": 2}}, tmp_path, causes, ["A", "B"], {}, {})
    assert [[dict(cause.values)["mail"] for cause in c.because] for c in changed] == [["new-b"]]


UNITS = ("A", "B", "D")  # C and P are scopes
ROWS, NUMERATOR, DENOMINATOR, RATE = (
    "exposed_assets.rows_counted", "indicators.I.numerator", "indicators.I.denominator", "indicators.I.rate",
)  # fmt: skip
counts = st.integers(0, 3)
# Of each unit: what came of it (a mail, a decision, an edit of its line), and its rows and numerators before and after.
edited = st.fixed_dictionaries(
    {
        u: st.tuples(st.frozensets(st.sampled_from(["mail", "decided", "register"])), counts, counts, counts, counts)
        for u in UNITS
    }
)


def of_unit(rows: int, numerator: int) -> dict[str, Any]:
    """A unit's figures by path; those that are 0 are not there."""
    figures = {ROWS: rows, NUMERATOR: numerator, DENOMINATOR: 3, RATE: round(100 * numerator / 3, 2)}
    return {path: value for path, value in figures.items() if value}


def of_scope(units: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of them together: sums, and the rate of sums."""
    rows, numerator, denominator = (
        sum(u.get(path, 0) for u in units.values()) for path in (ROWS, NUMERATOR, DENOMINATOR)
    )
    indicator = {"numerator": numerator, "denominator": denominator, "rate": round(100 * numerator / denominator, 2)}
    return {"exposed_assets": {"rows_counted": rows}, "indicators": {"I": indicator}}


@settings(max_examples=100, deadline=None)
@given(edited=edited, rules_changed=st.booleans())
def test_the_causes_cover_exactly_what_changed(edited: dict[str, tuple[Any, ...]], rules_changed: bool) -> None:
    """Over random edits of mails, decisions, the register and the rules: whatever figure differs is told, by all that is
    new of the units that moved it and by nothing else; where nothing is new of such a unit, by what concerns all, else
    by what is new of others.
    """
    was_of = {u: of_unit(rows, numerator) for u, (_, rows, numerator, _, _) in edited.items()}
    is_of = {u: of_unit(rows, numerator) for u, (_, _, _, rows, numerator) in edited.items()}
    came = {kind: [u for u, (what, *_) in edited.items() if kind in what] for kind in ("mail", "decided", "register")}
    assume(rules_changed or any(came.values()) or was_of == is_of)  # nothing changes by itself
    rests = replace(
        RESTS,
        mails=(*KNOWN, *(mail(f"new-{u}", u) for u in came["mail"])),
        decisions=[decision("d0", "B"), *(decision(f"d-{u}", u) for u in came["decided"])],
        edits=tuple(Edit("units.csv", 7, u, "unit_name", "甲", "乙") for u in came["register"]),
        on={**ON, "rules": "c2"} if rules_changed else ON,
    )

    def own(unit: str) -> set[tuple[str, str]]:
        names = {"mail": f"new-{unit}", "decided": f"d-{unit}", "register": unit}
        return {(kind, names[kind]) for kind in edited[unit][0]}

    def expected(units: Iterable[str]) -> set[tuple[str, str]]:
        found = set()
        for unit in units:
            afar = {("mail", f"new-{u}") for u in came["mail"]} or {c for u in UNITS for c in own(u)}
            found |= own(unit) or ({("rules", "")} if rules_changed else afar)
        return found

    with TemporaryDirectory() as folder:
        before = Path(folder)
        write_version(before)
        (before / "summary.json").write_text(json.dumps({"period": "2026-10", **of_scope(was_of)}), encoding="utf-8")
        figures, causes = of_scope(is_of), Causes(before, rests)
        changes = list(changes_since(before, figures, before, causes, UNITS, was_of, is_of))
    was, is_now = dict(flatten(of_scope(was_of))), dict(flatten(figures))
    assert {c.figure for c in changes} == {path for path in was if was[path] != is_now[path]}
    for change in changes:
        asked = (NUMERATOR, DENOMINATOR) if change.figure == RATE else (change.figure,)
        moved = [u for u in UNITS if any(was_of[u].get(path) != is_of[u].get(path) for path in asked)]
        names = {"mail": "mail", "decided": "decision", "register": "subject"}
        told = {(c.kind, dict(c.values).get(names.get(c.kind, ""), "")) for c in change.because}
        assert moved
        assert told == expected(moved), change
