-- Agreements that a counted row took off the register this month (终止). Grain: one counted row.
select
    u.scope,
    row_number() over (partition by u.scope order by n.position, a.agreement_no, a.row) as place,
    n.unit_name,
    a.agreement_no,
    a.partner,
    a.project,
    a.expires_on,
    a.mail,
    a.file,
    a.row,
from marts.agreements as a
inner join core.units as n using (period, unit_code)
inner join core.scope_units as u using (period, unit_code)
where period = $period and a.counted and a.status = '终止'
