-- Incidents by kind and level. Grain: one kind of one scope.
select
    u.scope,
    row_number() over (partition by u.scope order by count(*) desc, kind) as place,
    kind,
    count(*) as incidents,
    count(*) filter (where level = '高') as high,
    count(*) filter (where level = '中') as medium,
    count(*) filter (where level = '低') as low,
    count(*) filter (where is_reported_late) as reported_late,
    count(*) filter (where resolved_at is not null and reviewed is not true) as not_reviewed,
from marts.incidents
inner join core.scope_units as u using (period, unit_code)
where period = $period and counted
group by u.scope, kind
