-- Answers by unit, the lowest pass rate first; units without a pass rate stand last. Grain: one unit of one scope.
with asked as (
    select
        n.unit_code,
        n.unit_name,
        n.position,
        count(*) as expected,
    from core.units as n
    inner join core.profile_items as i using (profile)
    where n.period = $period and n.level = 'unit'
    group by n.unit_code, n.unit_name, n.position
),
given as (
    select
        unit_code,
        period,
        count(*) as answered,
        count(*) filter (where result = '符合') as met,
        count(*) filter (where result = '部分符合') as partly_met,
        count(*) filter (where result = '不符合') as not_met,
        count(*) filter (where result = '不适用') as not_applicable,
        round(
            100 * count(*) filter (where result = '符合')
            / nullif(count(*) filter (where result in ('符合', '部分符合', '不符合')), 0) + 1e-9,
            2
        ) as pass_rate,
    from marts.self_check
    where period in ($period, $previous) and counted
    group by unit_code, period
)
select
    u.scope,
    row_number() over (partition by u.scope order by n.pass_rate nulls last, a.position) as place,
    a.unit_code,
    a.unit_name,
    a.expected,
    coalesce(n.answered, 0) as answered,
    coalesce(n.met, 0) as met,
    coalesce(n.partly_met, 0) as partly_met,
    coalesce(n.not_met, 0) as not_met,
    coalesce(n.not_applicable, 0) as not_applicable,
    n.pass_rate,
    round(n.pass_rate - b.pass_rate, 2) as rate_change,
from asked as a
inner join core.scope_units as u
    on u.period = $period and u.unit_code = a.unit_code
left join given as n
    on n.unit_code = a.unit_code and n.period = $period
left join given as b
    on b.unit_code = a.unit_code and b.period = $previous
