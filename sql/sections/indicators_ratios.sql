-- Ratio indicators against their targets, beside last month's. Grain: one ratio of one scope.
-- units_short: units whose own ratio lies below the target; a denominator of 0 counts as reached (KPI-03).
with sums as (
    select
        u.scope,
        indicator_code,
        i.period,
        sum(numerator) as numerator,
        sum(denominator) as denominator,
        any_value(target) as target,
        round(100 * sum(numerator) / nullif(sum(denominator), 0) + 1e-9, 2) as rate,
        count(distinct unit_code) as units,
        count(distinct unit_code) filter (where denominator > 0 and 100.0 * numerator < target * denominator)
            as units_short,
    from marts.indicators as i
    inner join core.scope_units as u using (period, unit_code)
    where i.period in ($period, $previous) and counted and kind = 'ratio'
    group by u.scope, indicator_code, i.period
)
select
    n.scope,
    row_number() over (partition by n.scope order by n.rate - n.target nulls last, n.indicator_code) as place,
    n.indicator_code,
    n.numerator,
    n.denominator,
    n.rate,
    n.target,
    round(n.rate - n.target, 2) as gap,
    round(n.rate - b.rate, 2) as rate_change,
    n.units,
    n.units_short,
from sums as n
left join sums as b
    on b.scope = n.scope and b.indicator_code = n.indicator_code and b.period = $previous
where n.period = $period
