-- Units by state. Grain: one scope.
select
    u.scope,
    count(*) as expected,
    count(*) filter (where state = 'complete' and on_time) as complete_on_time,
    count(*) filter (where state = 'complete' and not on_time) as complete_late,
    count(*) filter (where state = 'incomplete') as incomplete,
    count(*) filter (where state = 'returned') as returned,
    count(*) filter (where state = 'missing') as missing,
from marts.unit_results
inner join core.scope_units as u using (period, unit_code)
where period = $period
group by u.scope
