-- Confidentiality agreements on the register at the end of the last of $months. Grain: one scope.
select
    u.scope,
    count(*) filter (where expires_on > cast($month_end as date)) as in_force,
    count(*) filter (where expires_on <= cast($month_end as date)) as expired,
    count(*) filter (
        where expires_on > cast($month_end as date) and expires_on <= cast($month_end as date) + interval 60 day
    ) as expiring_60d,
from marts.agreement_register
inner join core.scope_units as u using (period, unit_code)
where period = $months[-1]
group by u.scope
