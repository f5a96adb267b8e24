-- Incidents by level, with times against the limit of INC-03: as in the summary those whose number the unit had not
-- counted before. Grain: one level of one scope.
-- limit_minutes: from occurrence to report; there is no limit on the response.
select
    u.scope,
    row_number() over (partition by u.scope order by l.minutes_allowed) as place,
    i.level,
    count(*) as incidents,
    l.minutes_allowed as limit_minutes,
    median(i.minutes_to_report) as median_to_report,
    max(i.minutes_to_report) as longest_to_report,
    count(*) filter (where i.is_reported_late) as reported_late,
    median(i.minutes_to_respond) as median_to_respond,
    max(i.minutes_to_respond) as longest_to_respond,
    count(*) filter (where i.resolved_at is not null) as resolved,
    count(*) filter (where i.reviewed) as reviewed,
from marts.incidents as i
inner join core.scope_units as u using (period, unit_code)
left join core.report_limits as l using (level)
semi join sixth.marts.incident_register as first
    on list_contains($months, first.period) and first.unit_code = i.unit_code
    and first.first_form_id = i.form_id and first.first_row = i.row
where period = $period and i.counted
group by u.scope, i.level, l.minutes_allowed
