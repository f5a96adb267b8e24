-- Problems at the end of the month by unit, most overdue first. Grain: one unit of one scope that has any.
-- closed: as in the summary, with a date in the month.
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
    count(*) filter (where is_open and reported_in < $period) as not_reported,
    count(*) filter (
        where status = '已完成' and reported_in = $period and closed_on between cast($month_start as date) and cast($month_end as date)
    ) as closed,
    max(date_diff('day', due_on, cast($month_end as date))) filter (where is_overdue) as most_days_overdue,
from marts.problems as p
inner join core.units as n using (period, unit_code)
inner join core.scope_units as u using (period, unit_code)
where period = $period
group by u.scope, n.unit_code, n.unit_name, n.position
having count(*) filter (where is_open or reported_in = $period) > 0
