-- Count indicators of the period beside those of the one before; mean, lowest and highest of the last 12 months, or of
-- the months of a half-year or year. Grain: one count of one scope.
with sums as (
    select
        u.scope,
        i.period,
        i.indicator_code,
        sum(i.numerator) as numerator,
        count(distinct i.unit_code) as units,
    from marts.indicators as i
    inner join core.scope_units as u using (period, unit_code)
    where i.period in ($period, $previous) and i.counted and i.kind = 'count'
    group by u.scope, i.period, i.indicator_code
),
by_month as (
    select
        u.scope,
        i.indicator_code,
        sum(i.numerator) as numerator,
    from sixth.marts.indicators as i
    inner join sixth.core.scope_units as u using (period, unit_code)
    where list_contains($recent, i.period) and i.counted and i.kind = 'count'
    group by u.scope, i.indicator_code, i.period
),
months as (
    select
        scope,
        indicator_code,
        round(avg(numerator), 1) as mean,
        min(numerator) as lowest,
        max(numerator) as highest,
    from by_month
    group by scope, indicator_code
)
select
    n.scope,
    row_number() over (partition by n.scope order by n.indicator_code) as place,
    n.indicator_code,
    n.numerator as now,
    b.numerator as before,
    n.numerator - b.numerator as change,
    m.mean,
    m.lowest,
    m.highest,
    n.units,
from sums as n
inner join months as m using (scope, indicator_code)
left join sums as b
    on b.scope = n.scope and b.indicator_code = n.indicator_code and b.period = $previous
where n.period = $period
