"""Findings of a month, step by step: what its own rows fail, and what shows only across months and units.

Belongs here: reading and writing core.all_findings. Does not: asking the rules (checking.py), what a finding says
(record.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from assets.instance.batches import blocks
from assets.instance.warehouse import Warehouse, model
from assets.month.decisions import decisions_of
from assets.month.findings import checking
from assets.month.findings.explanations import explained, explained_by_place, put_said, said_by
from assets.month.findings.record import PLAIN, findings_of
from assets.month.findings.scan_rules import check_scans
from assets.month.freshness import NOT_STANDING, _find_standing_units
from assets.month.work import BLOCK, Work
from expectations.catalogue import Catalogue
from expectations.suites import is_of_what_is_absent

OF_UNITS = "unit_code in (select unnest($units))"
CARRIED = "list_contains($carried, rule_id)"
ACROSS = f"({CARRIED} or (list_contains($absent, rule_id) and {NOT_STANDING}))"


def check_month_forms(work: Work, period: str) -> int:
    """Rows, covers, workbooks, mails and scans held against their rules: core.all_findings but for those of rules that
    look across months or units, or at what is absent.
    """
    parameters = work.parameters(period)

    def progress(done: int, of: int) -> None:
        if work.progress:
            work.progress("checking forms", done, of)

    said = said_by(work, period)
    put_said(work, said, parameters)
    explanations = explained(work, period, said)
    _find_standing_units(work, period, _with_places(work, period, explanations))
    work.warehouse.execute(
        f"delete from core.all_findings where period = $period and ({NOT_STANDING} or {CARRIED})",
        {**parameters, "carried": _carried(work.catalogue)},
    )
    units = [
        r["unit_code"]
        for r in work.warehouse.rows(
            f"select unit_code from core.unit_digests where period = $period and {NOT_STANDING} order by unit_code",
            parameters,
        )
    ]
    some_units = blocks(units, BLOCK)
    answered = checking.check_forms(
        work.warehouse, work.catalogue.of_month(period), work.register.in_force(period), work.parsed_by, parameters,
        some_units, progress,
    )  # fmt: skip
    count = sum(_record_form_findings(work, {**parameters, "units": block}, explanations, said) for block in answered)
    work.warehouse.run_model(
        "core.replaced_answers", parameters, model_name="settled/replaced_answers", instead_of=NOT_STANDING
    )
    work.warehouse.put("core.said_now", _with_places(work, period, explanations))
    return count


def _with_places(work: Work, period: str, explanations: pl.DataFrame) -> pl.DataFrame:
    """What is explained, with what the month's rows mended in place are explained by."""
    by_place = work.warehouse.frame(
        "select subject, text from core.explained_by_place where period = $period order by subject", {"period": period}
    )
    return pl.concat([explanations, by_place]).unique("subject", keep="first", maintain_order=True)


def _record_form_findings(
    work: Work, parameters: Mapping[str, Any], explanations: pl.DataFrame, said: pl.DataFrame
) -> int:
    """Write the findings on mails, forms and scans of some units, $units; how many there are."""
    warehouse, period = work.warehouse, str(parameters["period"])
    plain = warehouse.frame(
        f"""
        select {", ".join(f'"{name}"' for name in PLAIN)}
        from core.plain_findings
        where period = $period and {OF_UNITS}
        order by mail, ordinal
        """,
        parameters,
    )
    submissions = _submissions(warehouse, parameters, OF_UNITS)
    own = submissions.filter(pl.col("level") == "unit")["unit_code"]
    scans = warehouse.frame(f"select * from core.scans where period = $period and {OF_UNITS}", parameters)
    failures = checking.form_failures(warehouse, parameters["units"])
    by_place = explained_by_place(failures, submissions, said)
    rows = by_place.with_columns(period=pl.lit(period))
    warehouse.put("core.explained_by_place", rows, period=period, instead_of=OF_UNITS, parameters=parameters)
    replaced = submissions.filter(pl.col("status") == "replaced").select("form_id")
    otherwise = warehouse.frame(model("settled/signed_otherwise"), parameters)
    found = findings_of(
        period,
        submissions,
        pl.concat([plain, check_scans(own, scans, otherwise, {f.key: f.file_hint for f in work.catalogue.forms})]),
        failures.join(replaced, on="form_id", how="anti", maintain_order="left"),
        _with_places(work, period, explanations),
        decisions_of(warehouse, period),
        work.catalogue,
    )
    warehouse.put("core.all_findings", found, period=period, instead_of=OF_UNITS, parameters=parameters)
    return found.height


def _carried(catalogue: Catalogue) -> list[str]:
    """The rules that look at other months or other units."""
    return sorted(r.id for r in catalogue.rules.values() if r.carried)


def _submissions(warehouse: Warehouse, parameters: Mapping[str, Any], which: str) -> pl.DataFrame:
    """The submissions of the period for which a condition holds, with the level of their units."""
    return warehouse.frame(
        f"""
        select s.*, u.level
        from core.submissions as s
        left join core.units as u using (period, unit_code)
        where period = $period and {which}
        order by form_id
        """,
        parameters,
    )


def check_month_across(work: Work, period: str, *, of_absent_alone: bool = False) -> int:
    """The rules that look at other months, other units or what is absent; how many findings they add.

    `of_absent_alone`: those alone for which a unit's own form is enough.
    """
    parameters = work.parameters(period)
    failures = checking.check_across(work.warehouse, work.catalogue, parameters, of_absent_alone=of_absent_alone)
    parameters |= {
        "carried": _carried(work.catalogue),
        "absent": sorted(r.id for r in work.catalogue.rules.values() if is_of_what_is_absent(r, work.catalogue)),
        "forms": failures["form_id"].unique().to_list(),
    }
    submissions = _submissions(work.warehouse, parameters, "form_id in (select unnest($forms))")
    plain = pl.DataFrame(schema=PLAIN)
    decided = decisions_of(work.warehouse, period)
    explanations = _with_places(work, period, explained(work, period, said_by(work, period)))
    found = findings_of(period, submissions, plain, failures, explanations, decided, work.catalogue)
    work.warehouse.put("core.all_findings", found, period=period, instead_of=ACROSS, parameters=parameters)
    return found.height
