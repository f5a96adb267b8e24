-- Waivers that go on to the next month and end with it. Grain: one waiver of one scope.
select
    u.scope,
    row_number() over (partition by u.scope order by n.position, d.decided_at, d.key) as place,
    n.unit_name,
    d.through,
    d.decided_by,
    d.reason,
from core.decisions as d
inner join core.scope_units as u using (period, unit_code)
inner join core.units as n using (period, unit_code)
where d.period = $period and d.kind = 'waive' and d.through = $following
