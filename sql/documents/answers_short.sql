-- Answers that are not 符合, with what is being done, the worse first. Grain: one counted answer of one unit.
select
    n.unit_name,
    c.item_code,
    c.checklist,
    c.result,
    c.problem,
    c.action,
    c.due_on,
from marts.self_check as c
inner join core.units as n using (period, unit_code)
semi join (select unnest($units) as unit_code) as chosen using (unit_code)
where c.period = $period and c.counted and c.result in ('部分符合', '不符合')
order by c.result <> '不符合', c.item_code, n.position
