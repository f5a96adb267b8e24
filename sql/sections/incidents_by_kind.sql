-- Incidents by kind and level: as in the summary those whose number the unit had not counted before.
-- Grain: one kind of one scope.
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
from marts.incidents as i
inner join core.scope_units as u using (period, unit_code)
semi join sixth.marts.incident_register as first
    on list_contains($months, first.period) and first.unit_code = i.unit_code
    and first.first_form_id = i.form_id and first.first_row = i.row
where period = $period and counted
group by u.scope, kind
