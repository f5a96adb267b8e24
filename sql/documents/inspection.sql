-- Findings of the half-yearly inspection, as sections/inspection_by_unit has them: overdue ones first, then by risk.
-- Grain: one problem of one unit.
select
    n.unit_name,
    p.problem,
    p.severity,
    p.due_on,
    p.status,
    p.is_open,
    p.is_overdue,
from marts.problems as p
inner join core.units as n using (period, unit_code)
semi join (select unnest($units) as unit_code) as chosen using (unit_code)
where p.period = $period and p.source = '半年检查' and (p.is_open or p.reported_in = $period)
order by
    p.is_overdue desc, p.is_open desc,
    case p.severity when '高' then 0 when '中' then 1 else 2 end, p.due_on, n.position, p.issue_no
