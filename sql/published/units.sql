-- data/units.csv. Grain: one reporting unit. rank is set per scope (reports/publishing/tables.py).
select
    r.unit_code,
    r.unit_name,
    r.parent_code,
    r.state,
    r.on_time,
    r.first_complete_at,
    f.annex2,
    f.annex3,
    f.annex6,
    r.scan,
    r.rows_received,
    r.rows_counted,
    r.errors,
    r.warnings,
    r.score,
    cast(null as bigint) as rank,
    r.key_supervision,
    r.cutoff,
from marts.unit_results as r
inner join (
    pivot (select period, unit_code, form, state from marts.unit_forms) on form in ('annex2', 'annex3', 'annex6') using any_value(state)
) as f using (period, unit_code)
where r.period = $period
order by r.position
