-- Work indicators of $units, this month and last: ratios furthest below their target first, then counts.
-- Grain: one indicator that some unit reported. units_short: names of units whose own ratio lies below the target.
with reported as (
    select
        i.period,
        i.indicator_code,
        any_value(i.kind) as kind,
        any_value(i.target) as target,
        cast(sum(i.numerator) as bigint) as numerator,
        cast(sum(i.denominator) as bigint) as denominator,
        round(100 * sum(i.numerator) / nullif(sum(i.denominator), 0) + 1e-9, 2) as rate,
        list(n.unit_name order by n.position)
            filter (where i.kind = 'ratio' and i.denominator > 0 and 100.0 * i.numerator < i.target * i.denominator)
            as units_short,
    from marts.indicators as i
    inner join core.units as n using (period, unit_code)
    semi join (select unnest($units) as unit_code) as chosen using (unit_code)
    where i.period in ($period, $previous) and i.counted
    group by i.period, i.indicator_code
)
select
    r.indicator_code,
    r.kind,
    r.target,
    r.numerator,
    r.denominator,
    r.rate,
    coalesce(r.units_short, []) as units_short,
    coalesce(r.rate < r.target, false) as is_short,
    b.rate as rate_before,
from reported as r
left join reported as b
    on b.indicator_code = r.indicator_code and b.period = $previous
where r.period = $period
order by r.kind = 'count', r.rate - r.target nulls last, r.indicator_code
