-- Problems at the end of the month by where they came from. Grain: one source of one scope.
-- closed: as in the summary, with a date in the month.
select
    u.scope,
    row_number() over (partition by u.scope order by count(*) filter (where is_open) desc, source) as place,
    source,
    count(*) filter (where is_open) as open,
    count(*) filter (where is_overdue) as overdue,
    count(*) filter (
        where status = '已完成' and reported_in = $period and closed_on between cast($month_start as date) and cast($month_end as date)
    ) as closed,
from marts.problems
inner join core.scope_units as u using (period, unit_code)
where period = $period
group by u.scope, source
having count(*) filter (where is_open or reported_in = $period) > 0
