"""A month's suites as Great Expectations validates them, and what we use of it held against the installed version."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from expectations import validating
from expectations.catalogue import load_catalogue
from expectations.masks import failing
from expectations.suites import Outcome, RuleNotEvaluated, month_suites, sheet_checks
from tests.findings.test_rules import CASES, QUIET, frame_of, row, warehouse

__all__ = ["warehouse"]  # a fixture
CATALOGUE = load_catalogue()
OURS = {"expect_column_values_to_be_readable", "expect_rows_to_satisfy"}
SUITES = month_suites(CATALOGUE, "2026-10")
EXAMPLE = {"unit_code": "U", "cell": "E3", "value": "22"}


def outcomes(failed: int) -> dict[str, list[Outcome]]:
    """Of every check 10 rows, of which in the first check of each suite some fail."""
    return {
        name: [
            Outcome(10, failed if n == 0 else 0, (EXAMPLE,) if failed and n == 0 else ()) for n in range(len(checks))
        ]
        for name, checks in SUITES.items()
    }


def test_every_rule_on_rows_is_in_one_suite() -> None:
    own = [c for sheet in CATALOGUE.sheets.values() for c in sheet_checks(sheet, CATALOGUE)]
    in_suites = [c.rule.id for checks in SUITES.values() for c in checks]
    across = [r.id for r in CATALOGUE.rules.values() if r.expect and r.id not in {c.rule.id for c in own}]
    assert sorted(in_suites) == sorted([c.rule.id for c in own] + across)
    for name, checks in SUITES.items():
        assert len({(c.rule.id, c.at) for c in checks}) == len(checks), name


@pytest.mark.slow  # this process imports Great Expectations
def test_a_checkpoint_gives_its_verdict_on_what_rules_came_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("Great Expectations opened a socket")

    from expectations.validations import validate

    monkeypatch.setattr(socket, "socket", refuse)
    results = validate("2026-10", SUITES, outcomes(3))
    assert list(results) == list(SUITES)
    for name, result in results.items():
        first, *others = result["results"]
        assert first["success"] is False
        assert all(one["success"] for one in others)
        assert result["success"] is False
        assert result["statistics"]["successful_expectations"] == len(SUITES[name]) - 1
        assert first["result"]["element_count"] == 10
        assert first["result"]["unexpected_count"] == 3
        assert first["result"]["unexpected_percent"] == 30
        assert first["result"]["partial_unexpected_list"] == ["22"]
        assert first["result"]["partial_unexpected_index_list"] == [EXAMPLE]
        for one, check in zip(result["results"], SUITES[name], strict=True):
            kwargs = one["expectation_config"]["kwargs"]
            assert (kwargs["rule"], kwargs["asks"]) == (check.rule.id, check.type)
            assert kwargs["arguments"] == json.loads(json.dumps(dict(check.kwargs)))
    assert all(result["success"] for result in validate("2026-10", SUITES, outcomes(0)).values())


@pytest.mark.slow  # another process imports Great Expectations
def test_the_same_outcomes_give_the_same_results_in_another_process() -> None:
    from expectations.validations import validate

    code = (
        "import json; from tests.findings.test_validations import SUITES, outcomes;"
        "from expectations.validations import validate; print(json.dumps(validate('2026-10', SUITES, outcomes(2))))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == json.dumps(validate("2026-10", SUITES, outcomes(2))) + "\n"


def test_a_library_that_was_left_out_is_told_by_name_where_it_is_called() -> None:
    code = "from expectations.lean import leave_out; leave_out(); from scipy import stats; stats.norm.fit([1])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    told = "ImportError: scipy.stats.norm.fit was left out of this process (expectations/lean.py)"
    assert done.stderr.splitlines()[-1] == told


def test_a_rule_that_crashed_never_looks_as_if_it_held() -> None:
    from expectations.validations import validate

    broken = outcomes(0)
    broken["incidents"][4] = replace(broken["incidents"][4], failed="?")  # type: ignore[arg-type]
    with pytest.raises(RuleNotEvaluated, match=SUITES["incidents"][4].rule.id):
        validate("2026-10", SUITES, broken)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("expect_column_values_to_be_between", {"column": "numerator", "max_valeu": 5}),
        ("expect_column_values_to_match_regex", {"column": "numerator"}),
        ("expect_column_values_to_be_in_set", {"column": "numerator", "value_set": [1], "mostly": 0.9}),
        ("expect_column_values_to_be_unique", {"column": "numerator"}),
    ],
)
def test_an_expectation_that_has_no_mask_is_refused(kind: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(NotImplementedError):
        failing(kind, arguments)


def test_masks_mean_what_the_expectations_of_that_name_mean(warehouse: Any) -> None:
    """Every core expectation of every suite, asked by GX's own engine of the rows that break each rule once."""
    import great_expectations as gx

    from expectations.validations import context

    source = context().data_sources.add_pandas("rows").add_dataframe_asset("table")
    batches = source.add_batch_definition_whole_dataframe("whole")
    asked = set()
    for sheet, definition in CATALOGUE.sheets.items():
        rows = [row(sheet, {})] + [row(s, c) for _, s, c in CASES + QUIET if s == sheet]
        frame = frame_of(warehouse, sheet, [r | {"row": n} for n, r in enumerate(rows, start=2)])
        checks = [c for c in sheet_checks(definition, CATALOGUE) if c.type not in OURS]
        expectations = [{"type": c.type, "kwargs": dict(c.kwargs), "meta": {"number": n}} for n, c in enumerate(checks)]
        suite = gx.ExpectationSuite(sheet, expectations=expectations)
        pandas = pd.DataFrame(frame.to_dict(as_series=False), dtype=object)
        result = batches.get_batch(batch_parameters={"dataframe": pandas}).validate(suite, result_format="BASIC")
        ours = frame.select(**{str(n): failing(c.type, c.kwargs).sum() for n, c in enumerate(checks)}).row(0)
        assert len(result.results) == len(checks)
        for outcome in result.results:
            number = outcome.expectation_config.meta["number"]
            assert outcome.exception_info["raised_exception"] is False, outcome
            assert outcome.result["unexpected_count"] == ours[number], outcome
            asked |= {checks[number].type} if ours[number] else set()
    assert asked == {c.type for checks in SUITES.values() for c in checks} - OURS


@pytest.mark.slow  # another process imports Great Expectations
def test_the_process_started_early_says_what_is_said_here_and_when_it_has_gone() -> None:
    from expectations.validations import validate

    validating.start_early()
    assert validating.validate("2026-10", SUITES, outcomes(1)) == validate("2026-10", SUITES, outcomes(1))
    broken = outcomes(0)
    broken["incidents"][0] = replace(broken["incidents"][0], rows=None)  # type: ignore[arg-type]
    with pytest.raises(RuleNotEvaluated):
        validating.validate("2026-10", SUITES, broken)
    assert validating._early is not None
    validating._early.process.kill()
    validating._early.process.join()
    assert validating.validate("2026-10", SUITES, outcomes(1)) == validate("2026-10", SUITES, outcomes(1))
    validating._early.pipe.close()  # as it looks from here where the process goes while it is asked
    with pytest.raises(validating.ValidatorDied):
        validating.validate("2026-10", SUITES, outcomes(1))
    validating._early = None
