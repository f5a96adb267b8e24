-- Units that are complete by waivers alone: a form that had been returned stands, or what held the unit up was waived.
-- Grain: one unit of one scope. rules: what was waived.
select
    u.scope,
    row_number() over (partition by u.scope order by r.position) as place,
    r.unit_name,
    string_agg(distinct f.rule_id, ';' order by f.rule_id) as rules,
    string_agg(distinct f.decided_by, '、' order by f.decided_by) as decided_by,
from marts.unit_results as r
inner join core.scope_units as u using (period, unit_code)
inner join core.findings as f using (period, unit_code)
where
    period = $period
    and r.state = 'complete'
    and f.status = 'waived'
    and f.effect in ('return', 'incomplete')
group by u.scope, r.unit_name, r.position
