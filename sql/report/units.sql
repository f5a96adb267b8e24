-- Units by state, each once for the months in which it was in the scope. Grain: one scope.
-- Of several months: complete where every month is; missing where every month is; returned where no month is better;
-- else incomplete (as sql/spans/unit_results.sql).
with of_units as (
    select
        u.scope,
        unit_code,
        case
            when bool_and(state = 'complete') then 'complete'
            when bool_and(state = 'missing') then 'missing'
            when bool_and(state in ('missing', 'returned')) then 'returned'
            else 'incomplete'
        end as state,
        bool_and(on_time) as on_time,
    from marts.unit_results
    inner join core.scope_units as u using (period, unit_code)
    where list_contains($months, period)
    group by u.scope, unit_code
)
select
    scope,
    count(*) as expected,
    count(*) filter (where state = 'complete' and on_time) as complete_on_time,
    count(*) filter (where state = 'complete' and not on_time) as complete_late,
    count(*) filter (where state = 'incomplete') as incomplete,
    count(*) filter (where state = 'returned') as returned,
    count(*) filter (where state = 'missing') as missing,
from of_units
group by scope
