-- Items of the checklists and how they were answered. Grain: one item that some of $units were asked.
-- asked: units asked; answered: those with a counted answer; the rest of the counts are of these.
with asked as (
    select
        u.unit_code,
        i.item_code,
        i.checklist,
    from core.units as u
    inner join core.profile_items as i using (profile)
    semi join (select unnest($units) as unit_code) as chosen using (unit_code)
    where u.period = $period and u.level = 'unit'
)
select
    a.item_code,
    any_value(a.checklist) as checklist,
    count(*) as asked,
    count(c.result) as answered,
    count(*) filter (where c.result = '符合') as met,
    count(*) filter (where c.result = '部分符合') as partly_met,
    count(*) filter (where c.result = '不符合') as not_met,
    count(*) filter (where c.result = '不适用') as not_applicable,
    count(*) filter (where c.result in ('部分符合', '不符合')) as short,
from asked as a
left join marts.self_check as c
    on c.period = $period and c.unit_code = a.unit_code and c.item_code = a.item_code and c.counted
group by a.item_code
order by a.item_code
