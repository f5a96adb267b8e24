-- Stewards' decisions in force that bear on $months, each once. Grain: one scope.
select
    u.scope,
    count(distinct d.key) filter (where kind = 'waive') as waived,
    count(distinct d.key) filter (where kind = 'assign') as assigned,
    count(distinct d.key) filter (where kind = 'confirm_seal') as seals_confirmed,
    count(distinct d.key) filter (where kind = 'extend') as extended,
from core.decisions as d
inner join core.scope_units as u using (period, unit_code)
where list_contains($months, d.period)
group by u.scope
