-- Findings by rule. Grain: one rule of one scope; a held mail's finding belongs to the carrier's scope alone.
select
    coalesce(u.scope, $carrier) as scope,
    rule_id,
    severity,
    count(*) filter (where status = 'open') as open,
    count(*) filter (where status = 'waived') as waived,
    count(*) filter (where status = 'explained') as explained,
from core.findings as f
left join core.scope_units as u
    on u.period = f.period and u.unit_code = f.unit_code
where list_contains($months, f.period) and (u.scope is not null or f.unit_code = '')
group by 1, rule_id, severity
