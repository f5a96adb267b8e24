-- Incidents of the month. Grain: one scope. All but rows_received are of counted rows.
select
    u.scope,
    count(*) as rows_received,
    count(*) filter (where counted) as rows_counted,
    count(*) filter (where counted and is_reported_late) as reported_late,
    median(minutes_to_report) filter (where counted) as median_minutes_to_report,
from marts.incidents
inner join core.scope_units as u using (period, unit_code)
where period = $period
group by u.scope
