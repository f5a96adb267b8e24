-- The incidents of the month, as the summary counts them. Grain: one whose number the unit had not counted before.
select
    n.unit_name,
    i.level,
    i.is_reported_late,
    i.resolved_at,
from marts.incidents as i
inner join core.units as n using (period, unit_code)
semi join (select unnest($units) as unit_code) as chosen using (unit_code)
semi join marts.incident_register as f
    on f.period = i.period and f.unit_code = i.unit_code and f.first_form_id = i.form_id and f.first_row = i.row
where i.period = $period and i.counted
order by i.occurred_at, n.position, i.row
