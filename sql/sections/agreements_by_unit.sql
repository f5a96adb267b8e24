-- Agreements on the register at the end of the month by unit. Grain: one unit of one scope that has any.
select
    u.scope,
    row_number() over (
        partition by u.scope
        order by count(*) filter (where g.expires_on <= cast($month_end as date)) desc, count(*) desc, n.position
    ) as place,
    n.unit_code,
    n.unit_name,
    count(*) filter (where g.expires_on > cast($month_end as date)) as in_force,
    count(*) filter (where g.expires_on <= cast($month_end as date)) as expired,
    count(*) filter (
        where
            g.expires_on > cast($month_end as date)
            and g.expires_on <= cast($month_end as date) + interval 60 day
    ) as expiring,
    count(*) filter (where not g.breach_clause) as without_clause,
    max(g.reported_in) as reported_in,
from marts.agreement_register as g
inner join core.units as n using (period, unit_code)
inner join core.scope_units as u using (period, unit_code)
where period = $period
group by u.scope, n.unit_code, n.unit_name, n.position
