-- The incidents of the month. Grain: one counted row.
select
    n.unit_name,
    i.kind,
    i.level,
    i.occurred_at,
    i.is_reported_late,
    i.resolved_at,
from marts.incidents as i
inner join core.units as n using (period, unit_code)
semi join (select unnest($units) as unit_code) as chosen using (unit_code)
where i.period = $period and i.counted
order by i.occurred_at, n.position, i.row
