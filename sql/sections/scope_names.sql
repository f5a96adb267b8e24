-- Names of units by what became of them, for sentences: the first 25 of each in the order of the register.
-- Grain: one state of one scope; late: complete, and not on time.
select
    u.scope,
    case when state = 'complete' then 'late' else state end as state,
    list(unit_name order by position)[1:25] as names,
from marts.unit_results
inner join core.scope_units as u using (period, unit_code)
where period = $period and (state <> 'complete' or not on_time)
group by 1, 2
