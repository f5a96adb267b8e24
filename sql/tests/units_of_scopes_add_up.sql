-- The units of every scope by state are all of its units. A failing row: a scope whose states do not sum up.
select
    u.scope,
    count(*) as units,
    count(*) filter (where r.state in ('complete', 'incomplete', 'returned', 'missing')) as in_a_state,
    'a unit has no state, or is not in the results' as failure_reason,
from core.scope_units as u
inner join core.units as n using (period, unit_code)
left join marts.unit_results as r using (period, unit_code)
where u.period = $period and n.level = 'unit'
group by u.scope
having units <> in_a_state
