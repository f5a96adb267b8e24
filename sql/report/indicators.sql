-- Sums of the work indicators over counted rows. Grain: one indicator of one scope.
-- rate: 100 x sum / sum of a ratio, null where nothing was due; counts have a numerator alone.
select
    u.scope,
    indicator_code,
    kind,
    sum(numerator) as numerator,
    case when kind = 'ratio' then sum(denominator) end as denominator,
    case
        when kind = 'ratio'
            then round(100 * sum(numerator) / nullif(sum(denominator), 0) + 1e-9, 2)
    end as rate,
from marts.indicators
inner join core.scope_units as u using (period, unit_code)
where list_contains($months, period) and counted
group by u.scope, indicator_code, kind
