-- The incidents of the month: those reported late first, then by level and time. Grain: one counted row.
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
