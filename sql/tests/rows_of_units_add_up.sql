-- Every unit's rows received and counted are those of its sheets, and no row is of a unit that has no result.
-- A failing row: a unit whose sums disagree.
with of_sheets as (
    select
        unit_code,
        count(*) as rows_received,
        count(*) filter (where counted) as rows_counted,
    from (
        select unit_code, counted from marts.exposed_assets where period = $period
        union all
        select unit_code, counted from marts.app_launches where period = $period
        union all
        select unit_code, counted from marts.self_check where period = $period
        union all
        select unit_code, counted from marts.rectification where period = $period
        union all
        select unit_code, counted from marts.incidents where period = $period
        union all
        select unit_code, counted from marts.indicators where period = $period
        union all
        select unit_code, counted from marts.agreements where period = $period
    )
    group by unit_code
),
of_units as (
    select
        unit_code,
        rows_received,
        rows_counted,
    from marts.unit_results
    where period = $period
)
select
    unit_code,
    'rows of the unit are not those of its sheets' as failure_reason,
from of_units as r
full join of_sheets as s using (unit_code)
where
    r.unit_code is null
    or r.rows_received is distinct from coalesce(s.rows_received, 0)
    or r.rows_counted is distinct from coalesce(s.rows_counted, 0)
