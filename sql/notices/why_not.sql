-- The rules that keep a unit from being complete: open findings that return one of its forms or hold its month up.
-- Grain: one unit and one form of it, '' for what is of no form (a scan).
select
    unit_code,
    case when effect = 'return' then form else '' end as form,
    string_agg(distinct rule_id, ', ' order by rule_id) as rules,
from core.all_findings
where period = $period and counts and status = 'open' and effect in ('return', 'incomplete')
group by all
order by all
