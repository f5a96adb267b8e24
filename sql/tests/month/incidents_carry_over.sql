-- An incident is as this month's counted row has it, else as it was at the end of the month before; it is of the month
-- that first counted it, and open until it has a time of resolution. A failing row: an incident that is otherwise, or
-- that nobody reported.
with before as (
    select unit_code, incident_no, kind, level, resolved_at, first_form_id, first_row
    from marts.incident_register
    where period = $carried_from
),
reported as (
    select
        r.unit_code,
        r.incident_no,
        r.kind,
        r.level,
        r.resolved_at,
        coalesce(b.first_form_id, r.form_id) as first_form_id,
        coalesce(b.first_row, r.row) as first_row,
    from marts.incidents as r
    left join before as b using (unit_code, incident_no)
    where r.period = $period and r.counted
),
told as (
    from reported
    union all
    (from before anti join reported using (unit_code, incident_no))
),
expected as (
    select
        *,
        resolved_at is null as is_open,
    from told
),
found as (
    select unit_code, incident_no, kind, level, resolved_at, first_form_id, first_row, is_open
    from marts.incident_register
    where period = $period
)
(from expected except all from found)
union all
(from found except all from expected)
