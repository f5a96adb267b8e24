-- Findings of the half-yearly inspection by unit, most overdue first: open at the end of the last month, or closed since
-- the half-year or year began. Grain: one unit of one scope that has any.
select
    u.scope,
    row_number() over (
        partition by u.scope
        order by count(*) filter (where is_overdue) desc, count(*) filter (where is_open) desc, n.position
    ) as place,
    n.unit_code,
    n.unit_name,
    count(*) filter (where is_open) as open,
    count(*) filter (where is_overdue) as overdue,
    count(*) filter (where is_open and severity = '高') as open_high,
    count(*) filter (where is_open and severity = '中') as open_medium,
    count(*) filter (where is_open and severity = '低') as open_low,
    count(*) filter (where not is_open) as closed,
from marts.problems as p
inner join core.units as n using (period, unit_code)
inner join core.scope_units as u using (period, unit_code)
where period = $period and p.source = '半年检查' and (p.is_open or p.reported_in = $period)
group by u.scope, n.unit_code, n.unit_name, n.position
