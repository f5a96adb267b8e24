-- Incidents without a time of resolution at the end of the month, those carried over included: the longest open first.
-- Grain: one incident of one unit. reported_in: the month whose return last spoke of it.
select
    u.scope,
    row_number() over (partition by u.scope order by i.occurred_at, n.position, i.incident_no) as place,
    n.unit_name,
    i.incident_no,
    i.kind,
    i.level,
    i.occurred_at,
    date_diff('day', cast(i.occurred_at as date), cast($month_end as date)) as days_open,
    i.reported_in,
    i.mail,
    i.file,
    i.row,
from marts.incident_register as i
inner join core.units as n using (period, unit_code)
inner join core.scope_units as u using (period, unit_code)
where period = $period and i.is_open
