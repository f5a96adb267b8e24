-- Pass rate by unit and checklist, the unit with the lowest rate of all first. Grain: one unit of one scope.
-- lists, rates: in the same order, joined by a comma; a rate is empty where the unit answered nothing that counts.
with rates as (
    select
        r.unit_code,
        r.checklist,
        100 * count(*) filter (where result = '符合')
        / nullif(count(*) filter (where result in ('符合', '部分符合', '不符合')), 0) as rate,
        count(*) filter (where result = '符合') as met,
        count(*) filter (where result in ('符合', '部分符合', '不符合')) as judged,
    from marts.self_check as r
    where r.period = $period and r.counted and r.checklist is not null
    group by r.unit_code, r.checklist
),
units as (
    select
        unit_code,
        string_agg(checklist, ',' order by checklist) as lists,
        string_agg(coalesce(cast(round(rate + 1e-9, 1) as varchar), ''), ',' order by checklist) as rates,
        sum(met) / nullif(sum(judged), 0) as overall,
    from rates
    group by unit_code
)
select
    u.scope,
    row_number() over (partition by u.scope order by c.overall nulls last, n.position) as place,
    n.unit_name,
    c.lists,
    c.rates,
from units as c
inner join core.units as n
    on n.period = $period and n.unit_code = c.unit_code
inner join core.scope_units as u
    on u.period = $period and u.unit_code = c.unit_code
