-- Units that a steward gave a cut-off of their own for the month. Grain: one unit of one scope.
select
    u.scope,
    row_number() over (partition by u.scope order by n.position) as place,
    n.unit_name,
    r.state,
    timezone($timezone, n.cutoff) as until,
    coalesce(d.is_late, false) as granted_late,
    d.decided_by,
    d.reason,
from core.units as n
inner join core.scope_units as u using (period, unit_code)
inner join marts.unit_results as r using (period, unit_code)
left join core.decisions as d
    on d.period = n.period and d.unit_code = n.unit_code and d.kind = 'extend' and d.until = n.cutoff
where n.period = $period and n.cutoff is not null
