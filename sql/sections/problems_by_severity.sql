-- Problems at the end of the month by severity and age. Grain: one severity of one scope.
-- Age: days from when it was found to the end of the month, of open ones; closed_now: as in the summary, with a date in it.
with aged as (
    select
        u.scope,
        p.severity,
        p.is_open,
        p.is_overdue,
        p.status = '已完成'
        and p.reported_in = $period
        and p.closed_on between cast($month_start as date) and cast($month_end as date) as closed_now,
        date_diff('day', p.found_on, cast($month_end as date)) as days,
    from marts.problems as p
    inner join core.scope_units as u using (period, unit_code)
    where period = $period
)
select
    scope,
    row_number() over (partition by scope order by case severity when '高' then 0 when '中' then 1 else 2 end) as place,
    severity,
    count(*) filter (where is_open) as open,
    count(*) filter (where is_overdue) as overdue,
    count(*) filter (where closed_now) as closed,
    count(*) filter (where is_open and days <= 30) as up_to_30,
    count(*) filter (where is_open and days between 31 and 60) as up_to_60,
    count(*) filter (where is_open and days between 61 and 90) as up_to_90,
    count(*) filter (where is_open and days > 90) as over_90,
    median(days) filter (where is_open) as median_days,
    max(days) filter (where is_open) as oldest_days,
from aged
group by scope, severity
