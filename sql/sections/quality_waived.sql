-- Findings that a steward waived: by whom, and why. Grain: one finding of one scope.
select
    coalesce(u.scope, $carrier) as scope,
    row_number() over (
        partition by coalesce(u.scope, $carrier) order by f.rule_id, n.position nulls last, f.mail, f.row, f.finding_id
    ) as place,
    n.unit_name,
    f.rule_id,
    f.sheet,
    f.cell,
    f.decided_by,
    f.reason,
    f.mail,
    f.file,
    case when f.row > 0 then f.row end as row,
from core.findings as f
left join core.units as n
    on n.period = f.period and n.unit_code = f.unit_code
left join core.scope_units as u
    on u.period = f.period and u.unit_code = f.unit_code
where f.period = $period and f.status = 'waived' and (u.scope is not null or f.unit_code = '')
