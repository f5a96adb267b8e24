-- Findings of the half-yearly inspection: overdue ones first, then by risk. Grain: one problem of one unit.
-- The findings are those of inspection_by_unit.
select
    u.scope,
    row_number() over (
        partition by u.scope
        order by
            p.is_overdue desc, p.is_open desc,
            case p.severity when '高' then 0 when '中' then 1 else 2 end, p.due_on, n.position, p.issue_no
    ) as place,
    n.unit_name,
    p.issue_no,
    p.problem,
    p.severity,
    p.found_on,
    p.due_on,
    p.status,
    p.is_overdue,
    p.mail,
    p.file,
    p.row,
from marts.problems as p
inner join core.units as n using (period, unit_code)
inner join core.scope_units as u using (period, unit_code)
where period = $period and p.source = '半年检查' and (p.is_open or p.reported_in = $period)
