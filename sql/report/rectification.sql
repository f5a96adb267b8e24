-- Problems reported in $months and standing at their end. Grain: one scope.
with reported as (
    select
        u.scope,
        count(*) as rows_received,
        count(*) filter (where counted) as rows_counted,
        count(*) filter (
            where counted and status = '已完成' and strftime(closed_on, '%Y-%m') = period
        ) as closed_in_period,
    from marts.rectification
    inner join core.scope_units as u using (period, unit_code)
    where list_contains($months, period)
    group by u.scope
),
standing as (
    select
        u.scope,
        count(*) filter (where is_open) as open,
        count(*) filter (where is_overdue) as overdue,
        count(*) filter (where is_open and severity = '高') as open_high,
        count(*) filter (where is_open and severity = '中') as open_medium,
        count(*) filter (where is_open and severity = '低') as open_low,
    from marts.problems
    inner join core.scope_units as u using (period, unit_code)
    where period = $months[-1]
    group by u.scope
)
select
    s.scope,
    coalesce(r.rows_received, 0) as rows_received,
    coalesce(r.rows_counted, 0) as rows_counted,
    coalesce(p.open, 0) as open,
    coalesce(p.overdue, 0) as overdue,
    coalesce(r.closed_in_period, 0) as closed_in_period,
    coalesce(p.open_high, 0) as open_high,
    coalesce(p.open_medium, 0) as open_medium,
    coalesce(p.open_low, 0) as open_low,
from (select distinct scope from core.scope_units where list_contains($months, period)) as s
left join reported as r using (scope)
left join standing as p using (scope)
