-- Stewards' decisions in force that bear on the month. Grain: one scope.
select
    u.scope,
    count(*) filter (where kind = 'waive') as waived,
    count(*) filter (where kind = 'assign') as assigned,
    count(*) filter (where kind = 'confirm_seal') as seals_confirmed,
    count(*) filter (where kind = 'extend') as extended,
from core.decisions as d
inner join core.scope_units as u using (period, unit_code)
where d.period = $period
group by u.scope
