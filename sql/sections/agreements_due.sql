-- Agreements that had expired at the end of the month, or expire within 60 days of it. Grain: one agreement of one unit.
select
    u.scope,
    row_number() over (partition by u.scope order by g.expires_on, n.position, g.agreement_no) as place,
    n.unit_name,
    g.agreement_no,
    g.partner,
    g.project,
    g.data_kind,
    g.signed_on,
    g.expires_on,
    date_diff('day', cast($month_end as date), g.expires_on) as days_left,
    g.expires_on <= cast($month_end as date) as is_expired,
    g.reported_in,
    g.mail,
    g.file,
    g.row,
from marts.agreement_register as g
inner join core.units as n using (period, unit_code)
inner join core.scope_units as u using (period, unit_code)
where period = $period and g.expires_on <= cast($month_end as date) + interval 60 day
