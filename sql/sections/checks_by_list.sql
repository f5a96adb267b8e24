-- Answers by checklist, beside last month's pass rate. Grain: one checklist of one scope.
with asked as (
    select
        s.scope,
        i.checklist,
        count(*) as expected,
    from core.units as n
    inner join core.scope_units as s using (period, unit_code)
    inner join core.profile_items as i using (profile)
    where n.period = $period and n.level = 'unit'
    group by s.scope, i.checklist
),
given as (
    select
        s.scope,
        r.checklist,
        r.period,
        count(*) as answered,
        count(*) filter (where result = '符合') as met,
        count(*) filter (where result = '部分符合') as partly_met,
        count(*) filter (where result = '不符合') as not_met,
        count(*) filter (where result = '不适用') as not_applicable,
    from marts.self_check as r
    inner join core.scope_units as s using (period, unit_code)
    where r.period in ($period, $previous) and r.counted
    group by s.scope, r.checklist, r.period
),
rated as (
    select
        *,
        round(100 * met / nullif(met + partly_met + not_met, 0) + 1e-9, 2) as pass_rate,
    from given
)
select
    a.scope,
    row_number() over (partition by a.scope order by n.pass_rate nulls last, a.checklist) as place,
    a.checklist,
    a.expected,
    coalesce(n.answered, 0) as answered,
    coalesce(n.met, 0) as met,
    coalesce(n.partly_met, 0) as partly_met,
    coalesce(n.not_met, 0) as not_met,
    coalesce(n.not_applicable, 0) as not_applicable,
    n.pass_rate,
    b.pass_rate as rate_before,
    round(n.pass_rate - b.pass_rate, 2) as rate_change,
from asked as a
left join rated as n
    on n.scope = a.scope and n.checklist = a.checklist and n.period = $period
left join rated as b
    on b.scope = a.scope and b.checklist = a.checklist and b.period = $previous
