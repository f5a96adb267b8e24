-- Incidents of $months, and those that are not resolved at their end. Grain: one scope. All but rows_received are of
-- counted rows; reported_late and the median of those whose number the unit had not counted before.
with reported as (
    select
        u.scope,
        count(*) as rows_received,
        count(*) filter (where counted) as rows_counted,
        count(*) filter (where counted and is_reported_late and n.first_row is not null) as reported_late,
        round(median(minutes_to_report) filter (where counted and n.first_row is not null) + 1e-9, 2)
            as median_minutes_to_report,
    from marts.incidents as i
    inner join core.scope_units as u using (period, unit_code)
    left join marts.incident_register as n
        on n.period = i.period and n.unit_code = i.unit_code and n.first_form_id = i.form_id and n.first_row = i.row
    where list_contains($months, i.period)
    group by u.scope
),
standing as (
    select
        u.scope,
        count(*) as unresolved,
    from marts.incident_register
    inner join core.scope_units as u using (period, unit_code)
    where period = $months[-1] and is_open
    group by u.scope
)
select
    s.scope,
    coalesce(r.rows_received, 0) as rows_received,
    coalesce(r.rows_counted, 0) as rows_counted,
    coalesce(r.reported_late, 0) as reported_late,
    r.median_minutes_to_report,
    coalesce(o.unresolved, 0) as unresolved,
from (select distinct scope from core.scope_units where list_contains($months, period)) as s
left join reported as r using (scope)
left join standing as o using (scope)
