"""Great Expectations on Polars: one pass over a frame gives the masks of a whole suite.

GX has no Polars engine (findings/gx.md, 1 and 3); this one answers GX's metrics from boolean masks, and keeps them,
so that verdict and failing cells come from the same evaluation. Belongs here: the two expectations that GX lacks,
and its metrics answered. Does not: which rows fail (masks.py), which expectations there are (suites.py).

Imports Great Expectations (seconds): import this module only where suites are run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

import great_expectations.exceptions as gx_exceptions
import pandas as pd
import polars as pl
from great_expectations.constants import MAX_RESULT_RECORDS
from great_expectations.core.batch import BatchMarkers
from great_expectations.datasource.fluent.pandas_datasource import PandasDatasource
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.execution_engine.pandas_batch_data import PandasBatchData
from great_expectations.expectations.expectation import (
    ColumnMapExpectation,
    Expectation,
    MulticolumnMapExpectation,
)
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnMapMetricProvider,
    MulticolumnMapMetricProvider,
    column_condition_partial,
    multicolumn_condition_partial,
)
from great_expectations.expectations.registry import get_metric_kwargs
from great_expectations.render.renderer_configuration import RendererValueType

from expectations.masks import failing, inside


# --------------------------------------------------------------------------------- the expectations GX lacks
class ColumnValuesReadable(ColumnMapMetricProvider):
    """A typed value is there wherever something was entered."""

    condition_metric_name = "column_values.readable"
    condition_value_keys = ("form_type", "codes")

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: Any, **kwargs: Any) -> Any:  # noqa: N805 - GX's decorator makes it a class method
        raise NotImplementedError("evaluated by PolarsExecutionEngine")


class ExpectColumnValuesToBeReadable(ColumnMapExpectation):
    """Every entered value can be read as the column's type (GEN-02), or is in its code list (GEN-03)."""

    form_type: str
    codes: list[str] | None = None
    map_metric: ClassVar[str] = "column_values.readable"
    success_keys: ClassVar[tuple[str, ...]] = ("form_type", "codes", "mostly")
    args_keys: ClassVar[tuple[str, ...]] = ("column", "form_type", "codes")

    @classmethod
    def _prescriptive_template(cls, renderer_configuration: Any) -> Any:
        for name in ("column", "form_type"):
            renderer_configuration.add_param(name=name, param_type=RendererValueType.STRING)
        renderer_configuration.template_str = "$column must be readable as $form_type"
        return renderer_configuration


class RowsSatisfy(MulticolumnMapMetricProvider):
    """An SQL condition holds in the row."""

    condition_metric_name = "multicolumn_values.satisfy"
    condition_domain_keys = (
        "batch_id",
        "table",
        "column_list",
        "row_condition",
        "condition_parser",
        "ignore_row_if",
    )
    condition_value_keys = ("condition",)

    @multicolumn_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column_list: Any, **kwargs: Any) -> Any:  # noqa: N805
        raise NotImplementedError("evaluated by PolarsExecutionEngine")


class ExpectRowsToSatisfy(MulticolumnMapExpectation):
    """The SQL condition (Polars dialect) is true in every row in which all columns of the list are present."""

    condition: str
    map_metric: ClassVar[str] = "multicolumn_values.satisfy"
    success_keys: ClassVar[tuple[str, ...]] = ("condition", "mostly")
    args_keys: ClassVar[tuple[str, ...]] = ("column_list", "condition")

    @classmethod
    def _prescriptive_template(cls, renderer_configuration: Any) -> Any:
        renderer_configuration.add_param(name="condition", param_type=RendererValueType.STRING)
        renderer_configuration.template_str = "$condition"
        return renderer_configuration


# ------------------------------------------------------------------------------------------------ the engine
@contextmanager
def configurations_kept() -> Iterator[None]:
    """Let GX work out the configuration of an expectation once while it asks a suite, in which none changes.

    It is a property that writes the whole expectation out and reads it again, and GX looks at it some eighty times for
    every expectation: a third of the time of a suite, hardly any of which is spent on rows.
    """
    ordinary = Expectation.configuration
    kept: dict[int, tuple[Expectation, Any]] = {}  # with the expectation, so that no other one gets its number

    def configuration(expectation: Expectation) -> Any:
        found = kept.get(id(expectation))
        if found is None:
            found = kept[id(expectation)] = (expectation, ordinary.__get__(expectation))
        return found[1]

    Expectation.configuration = property(configuration)  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        Expectation.configuration = ordinary  # type: ignore[method-assign]


class PolarsBatchData(PandasBatchData):
    """A Polars frame where GX expects a pandas one."""

    def __init__(self, execution_engine: PandasExecutionEngine, frame: pl.DataFrame) -> None:
        super().__init__(execution_engine, pd.DataFrame())
        self.frame = frame


def as_batch(frame: pl.DataFrame) -> dict[str, Any]:
    """Batch parameters that carry the frame through GX's pandas data source."""
    carrier = pd.DataFrame()
    carrier.attrs["polars"] = frame
    return {"dataframe": carrier}


def _mask_key(metric: str, domain: dict[str, Any], wanted: dict[str, Any]) -> str:
    def bare(values: dict[str, Any], skip: tuple[str, ...]) -> dict[str, Any]:
        return {k: v for k, v in values.items() if k not in skip and v is not None}

    parts = [bare(domain, ("batch_id", "table")), bare(wanted, ("result_format",))]
    return metric + json.dumps(
        parts,
        sort_keys=True,
        ensure_ascii=False,
        default=lambda x: x.dict() if hasattr(x, "dict") else str(x),
    )


def _domain_columns(domain: dict[str, Any]) -> list[str]:
    if "column" in domain:
        return [domain["column"]]
    if "column_A" in domain:
        return [domain["column_A"], domain["column_B"]]
    return list(domain["column_list"])


class PolarsExecutionEngine(PandasExecutionEngine):
    """Answers the metrics of map expectations from masks that one lazy select computes."""

    masks: dict[str, pl.Series]

    def load_batch_data(self, batch_id: str, batch_data: Any) -> None:
        """Take the frame and forget the masks of the one before."""
        super(PandasExecutionEngine, self).load_batch_data(batch_id=batch_id, batch_data=batch_data)
        self.masks = {}

    def get_batch_data_and_markers(self, batch_spec: Any) -> tuple[Any, BatchMarkers]:
        """The Polars frame out of the pandas carrier made by `as_batch`."""
        frame = batch_spec.batch_data.attrs["polars"]
        batch_spec.batch_data = "PolarsDataFrame"
        return PolarsBatchData(self, frame), BatchMarkers({"ge_load_time": "00000000T000000.000000Z"})

    @property
    def frame(self) -> pl.DataFrame:
        """The frame under validation."""
        data = self.batch_manager.active_batch_data
        assert isinstance(data, PolarsBatchData)
        return data.frame

    def failing_rows(self, configuration: Any) -> pl.Series:
        """Row indices that fail an expectation which was just run. KeyError where it was not evaluated."""
        metric = type(configuration.to_domain_obj()).map_metric
        kwargs = get_metric_kwargs(f"{metric}.unexpected_count", configuration=configuration)
        return self.masks[_mask_key(metric, kwargs["metric_domain_kwargs"], kwargs["metric_value_kwargs"])].arg_true()

    def resolve_metrics(  # noqa: D102 - GX's own signature
        self, metrics_to_resolve: Iterable[Any], metrics: Any = None, runtime_configuration: Any = None
    ) -> dict[Any, Any]:
        out: dict[Any, Any] = {}
        counts: list[tuple[Any, pl.Expr]] = []
        wanted: dict[str, pl.Expr] = {}
        from_masks: list[tuple[Any, str, str]] = []
        failed: list[Any] = []
        for metric in metrics_to_resolve:
            name, domain, values = metric.metric_name, metric.metric_domain_kwargs, metric.metric_value_kwargs
            base, _, suffix = name.rpartition(".")
            try:
                if name == "table.columns":
                    out[metric.id] = self.frame.columns
                elif name == "table.column_types":
                    out[metric.id] = [{"name": c, "type": str(t)} for c, t in self.frame.schema.items()]
                elif name == "table.row_count" or suffix == "filtered_row_count":
                    counts.append((metric, inside(domain).sum()))
                elif suffix in ("condition", "map"):
                    out[metric.id] = (None, domain, {})
                elif suffix == "unexpected_index_query":
                    out[metric.id] = None
                elif suffix.startswith("unexpected_"):
                    key = _mask_key(base, domain, values)
                    if key not in self.masks:
                        wanted[key] = failing(base, domain, values)
                    from_masks.append((metric, suffix, key))
                else:
                    raise NotImplementedError(name)
            except (NotImplementedError, KeyError, pl.exceptions.PolarsError):
                failed.append(metric)
        self._evaluate(wanted)
        if counts:
            row = self.frame.lazy().select(**{f"c{i}": e for i, (_, e) in enumerate(counts)}).collect().row(0)
            out.update((metric.id, int(n or 0)) for (metric, _), n in zip(counts, row, strict=True))
        for metric, suffix, key in from_masks:
            if key in self.masks:
                out[metric.id] = self._from_mask(metric, suffix, self.masks[key])
            else:
                failed.append(metric)
        if failed:
            names = ", ".join(sorted({m.metric_name for m in failed}))
            raise gx_exceptions.MetricResolutionError(message=f"cannot evaluate {names}", failed_metrics=tuple(failed))
        return out

    def _evaluate(self, wanted: dict[str, pl.Expr]) -> None:
        """All masks in one select; where that fails, one by one, so that a bad rule takes no other down."""
        if not wanted:
            return
        try:
            frame = self.frame.lazy().select(**{f"m{i}": e for i, e in enumerate(wanted.values())}).collect()
            self.masks.update({key: frame[f"m{i}"] for i, key in enumerate(wanted)})
        except pl.exceptions.PolarsError:
            for key, expression in wanted.items():
                try:
                    self.masks[key] = self.frame.lazy().select(m=expression).collect()["m"]
                except pl.exceptions.PolarsError:
                    continue

    def _from_mask(self, metric: Any, suffix: str, mask: pl.Series) -> Any:
        if suffix == "unexpected_count":
            return int(mask.sum())
        domain = metric.metric_domain_kwargs
        result_format = metric.metric_value_kwargs["result_format"]
        columns = _domain_columns(domain)
        limit = min(result_format.get("partial_unexpected_count", 20), MAX_RESULT_RECORDS)
        rows = mask.arg_true().head(limit)
        if suffix == "unexpected_values":
            sample = self.frame.select(columns)[rows]
            if len(columns) == 1:
                return sample[columns[0]].to_list()
            return sample.to_dicts() if "column_list" in domain else sample.rows()
        return self.frame.select(
            list(dict.fromkeys([*(result_format.get("unexpected_index_column_names") or ()), *columns]))
        )[rows].to_dicts()


class PolarsDatasource(PandasDatasource):
    """A data source whose frames are evaluated by PolarsExecutionEngine."""

    type: Literal["polars"] = "polars"  # type: ignore[assignment]

    @property
    def execution_engine_type(self) -> Any:
        """The engine of every batch of this source."""
        return PolarsExecutionEngine
