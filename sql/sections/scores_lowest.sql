-- The units with the lowest scores, for scopes whose ranking is cut. Grain: one unit of one scope.
select
    u.scope,
    row_number() over (partition by u.scope order by r.score, r.position) as place,
    rank() over (partition by u.scope order by r.score desc) as rank,
    r.unit_code,
    r.unit_name,
    r.state,
    r.score,
    r.errors,
    r.overdue_problems,
    r.key_supervision,
from marts.unit_results as r
inner join core.scope_units as u using (period, unit_code)
where period = $period
