"""The suites of a month as Great Expectations validates them: a checkpoint, and of every suite the validation result.

Rows are held against their rules in one Polars pass, some units at a time and only where something is new
(suites.failures); what a month's rules came to is counted from the failures that are kept. GX is given these counts,
one row a rule, as a batch, and gives its verdict on the whole month however few rows the night had asked about.

What is used of GX beyond its documented objects (context, data source, suite, validation definition, checkpoint) is
this, and tests/findings/test_validations.py holds it against the installed version:
- `BatchExpectation` with `metric_dependencies` and `_validate`, which GX's guide to custom expectations describes;
- `TableMetricProvider` with `metric_value` for pandas, and `get_compute_domain(..., "table")` for the batch's frame;
- the configuration of a context (`context`), so that nothing is written anywhere;
- the names `results`, `statistics`, `exception_info` and `meta` in a result's JSON.

Imports Great Expectations (seconds): import this module only where suites are validated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar

import great_expectations as gx
import pandas as pd
from great_expectations.data_context.types.base import DataContextConfig, ProgressBarsConfig
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

from expectations.suites import SEVERITY, Check, Outcome, RuleNotEvaluated

OUTCOME = "sixth.rule_outcome"
WAIVED = "waived_count"  # of the rows that fail, those that stewards have waived: no name of GX's own
KEY = ("suite", "rule", "column")  # of a check among all of a month


class RuleOutcome(TableMetricProvider):
    """What a rule came to: its row of the batch."""

    metric_name = OUTCOME
    value_keys = KEY

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(  # GX's decorator makes it a class method
        cls,  # noqa: N805
        execution_engine: Any,
        metric_domain_kwargs: Any,
        metric_value_kwargs: Any,
        **_: Any,
    ) -> Any:
        frame, _, _ = execution_engine.get_compute_domain(metric_domain_kwargs, domain_type="table")
        return frame.loc[tuple(metric_value_kwargs[name] for name in KEY)].to_dict()  # KeyError: it was not asked


class ExpectRuleToHold(BatchExpectation):
    """No row of a sheet fails a rule of rules.yaml: `asks` and `arguments` say what its rows were asked (masks.py)."""

    suite: str
    rule: str
    column: str
    asks: str
    arguments: dict[str, Any]
    metric_dependencies: ClassVar[tuple[str, ...]] = (OUTCOME,)
    success_keys: ClassVar[tuple[str, ...]] = KEY
    args_keys: ClassVar[tuple[str, ...]] = (*KEY, "asks", "arguments")

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        """Success where no row fails, waived or not, and the counts under the names that GX's own results have."""
        outcome = metrics[OUTCOME]
        rows, failed = int(outcome["rows"]), int(outcome["failed"])
        return {
            "success": failed == 0,
            "result": {
                "element_count": rows,
                "unexpected_count": failed,
                "unexpected_percent": round(100 * failed / rows, 6) if rows else 0.0,
                "partial_unexpected_list": [example["value"] for example in outcome["examples"]],
                "partial_unexpected_index_list": list(outcome["examples"]),
                WAIVED: int(outcome["waived"]),
            },
        }


def context() -> Any:
    """A context that leaves nothing behind: stores in memory, no pages, no progress bars, no analytics."""

    def store(class_name: str) -> dict[str, Any]:
        return {"class_name": class_name, "store_backend": {"class_name": "InMemoryStoreBackend"}}

    configuration = DataContextConfig(
        config_version=4,
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
        plugins_directory=None,
        stores={
            "suites": store("ExpectationsStore"),
            "results": store("ValidationResultsStore"),
            "checkpoints": store("CheckpointStore"),
            "validation_definition_store": store("ValidationDefinitionStore"),  # GX looks for this very name
        },
        expectations_store_name="suites",
        validation_results_store_name="results",
        checkpoint_store_name="checkpoints",
        data_docs_sites={},
    )
    return gx.get_context(mode="ephemeral", project_config=configuration)


def validate(
    period: str, suites: Mapping[str, tuple[Check, ...]], outcomes: Mapping[str, Sequence[Outcome]]
) -> dict[str, dict[str, Any]]:
    """Run the checkpoint of a month: of every suite the validation result, as GX's JSON has it.

    `outcomes` are of the checks of each suite, in their order. The same outcomes give the same results: what GX makes
    up anew in each run (times, ids) is left out. Raises RuleNotEvaluated where an expectation crashed: a rule that was
    not asked must not look like one that holds.
    """
    month = context()
    asset = month.data_sources.add_pandas("months").add_dataframe_asset("rules")
    batch = asset.add_batch_definition_whole_dataframe(period)
    rows: dict[tuple[str, str, str], Outcome] = {}
    definitions = []
    for name, checks in suites.items():
        rows.update(zip((_key(name, c) for c in checks), outcomes[name], strict=True))
        suite = gx.ExpectationSuite(name=name, expectations=[_expectation(name, c, period) for c in checks])
        definition = gx.ValidationDefinition(name=f"{period} {name}", data=batch, suite=month.suites.add(suite))
        definitions.append(month.validation_definitions.add(definition))
    checkpoint = month.checkpoints.add(gx.Checkpoint(name=period, validation_definitions=definitions))
    frame = pd.DataFrame(
        [asdict(o) for o in rows.values()],
        index=pd.MultiIndex.from_tuples(rows, names=KEY),
    )
    ran = checkpoint.run(batch_parameters={"dataframe": frame})
    order: dict[tuple[str, ...], int] = {key: place for place, key in enumerate(rows)}
    return {str(r.suite_name): _lasting(r.to_json_dict(), period, order) for r in ran.run_results.values()}


def _key(suite: str, check: Check) -> tuple[str, str, str]:
    return suite, check.rule.id, "|".join(check.at)


def _expectation(suite: str, check: Check, period: str) -> ExpectRuleToHold:
    _, rule, column = _key(suite, check)
    severity, effect = check.rule.weight(period)
    return ExpectRuleToHold(
        suite=suite,
        rule=rule,
        column=column,
        asks=check.type,
        arguments=dict(check.kwargs),
        severity=FailureSeverity(SEVERITY[severity]),
        description=f"[{check.rule.id}] {check.rule.when}",
        meta={"severity": severity, "effect": effect},
    )


def _lasting(result: dict[str, Any], period: str, order: Mapping[tuple[str, ...], int]) -> dict[str, Any]:
    """A validation result in the order of its suite, which GX does not keep, and without what GX makes up anew in each
    run. Raises RuleNotEvaluated.
    """
    result["results"].sort(key=lambda one: order[tuple(one["expectation_config"]["kwargs"][name] for name in KEY)])
    for one in result["results"]:
        configuration = one["expectation_config"]
        if one["exception_info"].get("raised_exception") is not False:
            raise RuleNotEvaluated(f"{configuration['kwargs']['rule']} of {period}: {one['exception_info']}")
        configuration.pop("id")
        configuration["kwargs"].pop("batch_id")
    result["meta"] = {
        "great_expectations_version": result["meta"]["great_expectations_version"],
        "checkpoint": period,
    }
    result.pop("id")
    return result
