-- Answers by item, the lowest pass rate first. Grain: one item of one scope that was answered.
select
    u.scope,
    row_number() over (
        partition by u.scope
        order by
            count(*) filter (where result = '符合')
            / nullif(count(*) filter (where result in ('符合', '部分符合', '不符合')), 0) nulls last,
            count(*) filter (where result = '不符合') desc,
            item_code
    ) as place,
    item_code,
    any_value(checklist) as checklist,
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
inner join core.scope_units as u using (period, unit_code)
where period = $period and counted
group by u.scope, item_code
