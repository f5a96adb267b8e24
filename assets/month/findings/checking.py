"""The rules asked of rows: frames out of the warehouse, through the masks of a suite, failing cells back into it.

Belongs here: which forms are asked again and which answers stand. Does not: the suites (expectations/suites.py),
messages and places of findings (record.py).

A form's own rules rest on its rows, its unit's entry in the register and the catalogue; its rows rest on how it was
parsed. Answers are kept under a digest of all these and asked again only where it changes. Rules that look at other
months or units (`carried`) are asked in every run; those on what is absent, of units that do not stand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import polars as pl

from assets.instance.register import Register
from assets.instance.warehouse import Warehouse, model
from assets.month.findings.enrich import enrich, enrich_across
from assets.month.freshness import NOT_STANDING
from expectations.catalogue import Catalogue
from expectations.suites import FAILURES, failures, is_of_what_is_absent, sheet_checks, tables_across

ROWS = 200_000  # of which rules across months and units are asked at once: memory stays flat however many there are
Progress = Callable[[int, int], None]


def _context_digest(catalogue: Catalogue, register: Register, parsed_by: str) -> str:
    networks = ";".join(str(n) for n in register.networks)
    return hashlib.sha256(f"{catalogue.digest}|{networks}|{parsed_by}".encode()).hexdigest()[:16]


def _prepare(warehouse: Warehouse) -> None:
    if not warehouse.exists("core.form_failures"):
        warehouse.put("core.form_failures", pl.DataFrame(schema={**FAILURES, "sheet": pl.String, "context": pl.String}))
        warehouse.put("core.forms_checked", pl.DataFrame(schema={"form_id": pl.String, "context": pl.String}))


@dataclass(frozen=True, slots=True)
class _Asked:
    """Forms of some units about which the rules are being asked: form_id and context, and the answers by sheet."""

    units: Sequence[str]
    forms: pl.DataFrame
    answers: list[tuple[str, Future[pl.DataFrame]]]


def check_forms(
    warehouse: Warehouse,
    catalogue: Catalogue,
    register: Register,
    parsed_by: str,
    period: Mapping[str, Any],
    blocks: Iterable[Sequence[str]],
    progress: Progress | None = None,
) -> Iterator[Sequence[str]]:
    """Ask a form's own rules of the effective and latest returned submissions of the period, some units after others;
    each block of units as soon as its answers are kept, while the next ones are asked about. Of annexes 3 that were
    replaced they are asked as well: how much they answered says when a month was first complete.

    Answers are kept in core.form_failures under (form_id, context). The temporary table `wanted` names the forms and
    the context under which each one's answers stand.
    """
    _prepare(warehouse)
    warehouse.execute(
        """
        create or replace temp table wanted as
        select
            s.form_id,
            s.unit_code,
            s.form,
            s.status,
            cast($month_start as date) as month_start,
            cast($month_end as date) as month_end,
            cast(timezone($timezone, s.received_at) as date) as received_on,
            u.profile,
            u.has_im_service,
            md5(concat_ws('|', $context, $period, u.profile, u.has_im_service, received_on)) as context,
        from core.submissions as s
        inner join core.units as u using (period, unit_code)
        anti join core.standing_units as t using (period, unit_code)
        -- Of a replaced form it matters whether it was enough, and what was explained in it (explanations.py).
        where
            s.period = $period
            and (
                s.status in ('effective', 'returned')
                or (s.form = 'annex3' and not s.returned)
                or s.mail in (select mail from staging.explanations where rule_id <> '')
            )
        """,
        {**period, "context": _context_digest(catalogue, register, parsed_by)},
    )
    of = int(warehouse.value("select count(*) from wanted anti join core.forms_checked using (form_id, context)"))
    done, before = 0, None
    with ThreadPoolExecutor(1) as asking:  # Polars works without the interpreter, on the other core
        for units in (*blocks, None):
            now = _ask_about(units, warehouse, asking, catalogue, register) if units else None
            if before:
                _keep(warehouse, before)
                done += before.forms.height
                if progress and before.forms.height:
                    progress(done, of)
                yield before.units
            before = now


def _ask_about(
    units: Sequence[str],
    warehouse: Warehouse,
    asking: Executor,
    catalogue: Catalogue,
    register: Register,
) -> _Asked:
    """Ask about those forms of some units that have no answers yet; a sheet's rows are read while others are asked."""
    forms = warehouse.frame(
        """
        select form_id, context, form
        from wanted
        anti join core.forms_checked using (form_id, context)
        where unit_code in (select unnest($units))
        order by form_id
        """,
        {"units": units},
    )
    warehouse.put("core.asked_now", forms)
    answers = []
    for form in catalogue.forms:
        if form.key not in forms["form"]:
            continue
        warehouse.execute(
            """
            create or replace temp table chunk as
            select w.* from wanted as w semi join core.asked_now using (form_id) where w.form = $form
            """,
            {"form": form.key},
        )
        for sheet in form.sheets:
            frame = warehouse.frame(model(f"checks/{sheet.key}"))
            if frame.height:
                frame = enrich(frame, sheet, catalogue, register.networks)
                answers.append((sheet.key, asking.submit(failures, sheet.key, sheet_checks(sheet, catalogue), frame)))
    return _Asked(units, forms.drop("form"), answers)


def _keep(warehouse: Warehouse, asked: _Asked) -> None:
    """Book the answers for some forms, in one transaction."""
    if asked.forms.is_empty():
        return
    parts = [answer.result().with_columns(sheet=pl.lit(key)) for key, answer in asked.answers]
    found = pl.concat(parts) if parts else pl.DataFrame(schema={**FAILURES, "sheet": pl.String})
    warehouse.put("core.failures_now", found.join(asked.forms, on="form_id"))
    warehouse.put("core.answered_now", asked.forms)
    warehouse.execute("begin")
    warehouse.execute("insert into core.form_failures by name from core.failures_now")
    warehouse.execute("insert into core.forms_checked by name from core.answered_now")
    warehouse.execute("commit")


def form_failures(warehouse: Warehouse, units: Sequence[str]) -> pl.DataFrame:
    """The standing answers for the forms of some units that `check_forms` was asked about, replaced ones among them;
    with unit_code.
    """
    return warehouse.frame(
        """
        select f.* exclude (context), w.unit_code
        from core.form_failures as f
        inner join wanted as w using (form_id, context)
        where w.unit_code in (select unnest($units))
        order by f.form_id, f.sheet, f.row, f.rule_id, f.column
        """,
        {"units": units},
    )


def check_across(
    warehouse: Warehouse, catalogue: Catalogue, period: Mapping[str, Any], *, of_absent_alone: bool = False
) -> pl.DataFrame:
    """Ask the rules that look at other months or units of the period's effective submissions, and those on what is
    absent of the ones whose units do not stand (core.standing_units); failures with `sheet` and unit_code.
    `of_absent_alone`: the latter alone.
    """
    parts = []
    for table, every in tables_across(catalogue).items():
        checks = [c for c in every if is_of_what_is_absent(c.rule, catalogue) or not of_absent_alone]
        if not checks:
            continue
        sheets = {check.rule.id: check.rule.sheet for check in checks}
        warehouse.execute(f"create or replace temp table asked as {model(f'carried/{table}')}", period)
        of_some = any(is_of_what_is_absent(check.rule, catalogue) for check in checks)
        warehouse.run_model(
            "core.rows_asked",
            {**period, "rules_table": table},
            model_name="settled/rows_asked",
            instead_of=f"rules_table = $rules_table and {NOT_STANDING if of_some else 'true'}",
        )
        for rows in _some_at_a_time(warehouse):
            frame = enrich_across(table, rows)
            found = failures(f"{table}, across", tuple(checks), frame).with_columns(
                sheet=pl.col("rule_id").replace_strict(sheets, return_dtype=pl.String)
            )
            units = frame.select("form_id", "unit_code").unique()
            parts.append(found.join(units, on="form_id", how="left"))
    if not parts:
        return pl.DataFrame(schema={**FAILURES, "sheet": pl.String, "unit_code": pl.String})
    return pl.concat(parts).sort("form_id", "sheet", "row", "rule_id", "expected")


def _some_at_a_time(warehouse: Warehouse) -> Iterator[pl.DataFrame]:
    """The rows of the temporary table asked, which are those of sql/carried/<table>.sql."""
    for start in range(0, int(warehouse.value("select count(*) from asked")), ROWS):
        yield warehouse.frame(f"select * from asked where rowid between {start} and {start + ROWS - 1}")
