-- Findings and rows left out by unit, most left out first. Grain: one unit of one scope that sent anything.
with found as (
    select
        unit_code,
        count(*) filter (where severity = 'critical' and status = 'open') as critical,
        count(*) filter (where severity = 'error' and status = 'open') as errors,
        count(*) filter (where severity = 'warning' and status = 'open') as warnings,
        count(*) filter (where status = 'waived') as waived,
    from core.findings
    where period = $period
    group by unit_code
)
select
    u.scope,
    row_number() over (
        partition by u.scope
        order by
            coalesce(f.critical, 0) desc, r.rows_received - r.rows_counted desc, coalesce(f.errors, 0) desc,
            coalesce(f.warnings, 0) desc, r.position
    ) as place,
    r.unit_code,
    r.unit_name,
    coalesce(f.critical, 0) as critical,
    coalesce(f.errors, 0) as errors,
    coalesce(f.warnings, 0) as warnings,
    coalesce(f.waived, 0) as waived,
    r.rows_received,
    r.rows_counted,
    r.rows_received - r.rows_counted as left_out,
    round(100 * r.rows_counted / nullif(r.rows_received, 0) + 1e-9, 2) as share_counted,
from marts.unit_results as r
inner join core.scope_units as u using (period, unit_code)
left join found as f using (unit_code)
where period = $period and r.state <> 'missing'
