-- Units that left items unanswered, and which (CHK-02). Grain: one unit of one scope with an effective annex 3.
with absent as (
    select
        unit_code,
        count(*) as unanswered,
        string_agg(expected, '、' order by expected) filter (where true) as items,
        min(mail) as mail,
    from core.findings
    where period = $period and rule_id = 'CHK-02' and status = 'open'
    group by unit_code
),
asked as (
    select
        n.unit_code,
        n.unit_name,
        n.position,
        count(*) as expected,
    from core.units as n
    inner join core.profile_items as i using (profile)
    where n.period = $period and n.level = 'unit'
    group by n.unit_code, n.unit_name, n.position
)
select
    u.scope,
    row_number() over (partition by u.scope order by a.unanswered desc, n.position) as place,
    n.unit_code,
    n.unit_name,
    n.expected,
    a.unanswered,
    case when length(a.items) > 160 then left(a.items, 160) || '…' else a.items end as items,
    a.mail,
from absent as a
inner join asked as n using (unit_code)
inner join core.scope_units as u
    on u.period = $period and u.unit_code = a.unit_code
