-- Agreements on the register that the unit's annex 6 of the month does not list, and that stay on it (NDA-06).
-- Grain: one finding.
select
    u.scope,
    row_number() over (partition by u.scope order by n.position, f.expected) as place,
    n.unit_name,
    f.expected as agreement_no,
    g.partner,
    g.project,
    g.expires_on,
    g.reported_in,
    f.mail,
    f.file,
from core.findings as f
inner join core.units as n using (period, unit_code)
inner join core.scope_units as u using (period, unit_code)
left join marts.agreement_register as g
    on g.period = f.period and g.unit_code = f.unit_code and g.agreement_no = f.expected
where period = $period and f.rule_id = 'NDA-06' and f.status = 'open'
