-- The incidents in the returns of the month: those reported late first, then by level and time. Grain: one counted row.
-- is_new: the unit had not counted the number in an earlier month.
select
    u.scope,
    row_number() over (
        partition by u.scope order by i.is_reported_late desc, l.minutes_allowed, i.occurred_at, n.position, i.row
    ) as place,
    n.unit_name,
    i.incident_no,
    i.kind,
    i.level,
    i.occurred_at,
    i.minutes_to_report,
    l.minutes_allowed as limit_minutes,
    i.is_reported_late,
    exists (
        select 1
        from sixth.marts.incident_register as r
        where
            list_contains($months, r.period) and r.unit_code = i.unit_code
            and r.first_form_id = i.form_id and r.first_row = i.row
    ) as is_new,
    i.minutes_to_respond,
    i.resolved_at,
    i.reviewed,
    i.mail,
    i.file,
    i.row,
from marts.incidents as i
inner join core.units as n using (period, unit_code)
inner join core.scope_units as u using (period, unit_code)
left join core.report_limits as l on l.level = i.level
where period = $period and i.counted
