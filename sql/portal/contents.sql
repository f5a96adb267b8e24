-- Of every scope a digest of what became of its units in the month and of the forms that count: what its office signs.
-- Grain: one scope with units.
with counted as (
    select
        unit_code,
        string_agg(form_id, ',' order by form_id) as forms,
    from core.submissions
    where period = $period and status = 'effective'
    group by unit_code
)
select
    s.scope,
    sha256(
        string_agg(
            concat_ws(
                '|', r.unit_code, r.state, r.on_time, r.scan, r.rows_received, r.rows_counted, r.errors, r.warnings, r.score,
                coalesce(c.forms, '')
            ),
            ';' order by r.position
        )
    ) as content,
from core.scope_units as s
inner join marts.unit_results as r using (period, unit_code)
left join counted as c using (unit_code)
where s.period = $period
group by s.scope
order by s.scope
