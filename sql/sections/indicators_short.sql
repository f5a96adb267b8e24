-- Ratios of units below their target, the furthest first; a rate is never rounded up to the target that it falls short of.
-- Grain: one counted row of one unit.
select
    u.scope,
    row_number() over (
        partition by u.scope
        order by i.numerator / i.denominator - i.target / 100.0, n.position, i.indicator_code
    ) as place,
    n.unit_code,
    n.unit_name,
    i.indicator_code,
    i.numerator,
    i.denominator,
    least(round(100 * i.numerator / i.denominator + 1e-9, 2), round(i.target - 0.01, 2)) as rate,
    i.target,
    least(round(100 * i.numerator / i.denominator - i.target + 1e-9, 2), -0.01) as gap,
    i.mail,
    i.file,
    i.row,
from marts.indicators as i
inner join core.units as n using (period, unit_code)
inner join core.scope_units as u using (period, unit_code)
where
    period = $period
    and i.counted
    and i.kind = 'ratio'
    and i.denominator > 0
    and 100.0 * i.numerator < i.target * i.denominator
