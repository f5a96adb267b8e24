-- Count indicators beside last month's and the mean of the months on record. Grain: one count of one scope.
with sums as (
    select
        u.scope,
        indicator_code,
        i.period,
        sum(numerator) as numerator,
        count(distinct unit_code) as units,
    from marts.indicators as i
    inner join core.scope_units as u using (period, unit_code)
    where i.period > $year_before and i.period <= $period and counted and kind = 'count'
    group by u.scope, indicator_code, i.period
)
select
    scope,
    row_number() over (partition by scope order by indicator_code) as place,
    indicator_code,
    max(numerator) filter (where period = $period) as now,
    max(numerator) filter (where period = $previous) as before,
    max(numerator) filter (where period = $period) - max(numerator) filter (where period = $previous) as change,
    round(avg(numerator), 1) as mean,
    min(numerator) as lowest,
    max(numerator) as highest,
    max(units) filter (where period = $period) as units,
from sums
group by scope, indicator_code
having count(*) filter (where period = $period) > 0
