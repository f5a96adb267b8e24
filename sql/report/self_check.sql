-- Answers by checklist. Grain: one checklist of one scope; checklist null is all of them.
with asked as (
    select
        u.scope,
        i.checklist,
        count(*) as expected_answers,
    from core.units as n
    inner join core.scope_units as u using (period, unit_code)
    inner join core.profile_items as i using (profile)
    where list_contains($months, n.period) and n.level = 'unit'
    group by grouping sets ((u.scope, i.checklist), (u.scope))
),
given as (
    select
        u.scope,
        r.checklist,
        count(*) as rows_received,
        count(*) filter (where counted) as rows_counted,
        count(*) filter (where counted and result = '符合') as met,
        count(*) filter (where counted and result = '部分符合') as partly_met,
        count(*) filter (where counted and result = '不符合') as not_met,
        count(*) filter (where counted and result = '不适用') as not_applicable,
    from marts.self_check as r
    inner join core.scope_units as u using (period, unit_code)
    where list_contains($months, period)
    group by grouping sets ((u.scope, r.checklist), (u.scope))
    having grouping(r.checklist) = 1 or r.checklist is not null
)
select
    a.scope,
    a.checklist,
    a.expected_answers,
    coalesce(g.rows_received, 0) as rows_received,
    coalesce(g.rows_counted, 0) as rows_counted,
    coalesce(g.met, 0) as met,
    coalesce(g.partly_met, 0) as partly_met,
    coalesce(g.not_met, 0) as not_met,
    coalesce(g.not_applicable, 0) as not_applicable,
    round(100 * coalesce(g.rows_counted, 0) / nullif(a.expected_answers, 0) + 1e-9, 2) as answered_rate,
    round(100 * g.met / nullif(g.met + g.partly_met + g.not_met, 0) + 1e-9, 2) as pass_rate,
from asked as a
left join given as g
    on g.scope = a.scope and g.checklist is not distinct from a.checklist
