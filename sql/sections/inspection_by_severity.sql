-- Findings of the half-yearly inspection by risk and status. Grain: one severity of one status of one scope.
-- The findings are those of inspection_by_unit.
select
    u.scope,
    row_number() over (
        partition by u.scope
        order by case p.severity when '高' then 0 when '中' then 1 else 2 end, p.status
    ) as place,
    p.severity,
    p.status,
    count(*) as problems,
    count(*) filter (where is_overdue) as overdue,
from marts.problems as p
inner join core.scope_units as u using (period, unit_code)
where period = $period and p.source = '半年检查' and (p.is_open or p.reported_in = $period)
group by u.scope, p.severity, p.status
