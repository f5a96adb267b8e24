-- Incidents of a unit to the end of the month, as last counted: this month's counted rows over last month's register.
-- Grain: one incident of one unit, resolved ones included (their number is not new again).
-- reported_in: the month whose return last spoke of it; first_form_id, first_row: the row that was first counted, by
-- which an incident is of one month, however often it is reported; is_open: it has no time of resolution.
with reported as (
    select
        unit_code,
        incident_no,
        kind,
        level,
        occurred_at,
        reported_at,
        responded_at,
        resolved_at,
        period as reported_in,
        mail,
        file,
        row,
        form_id,
    from marts.incidents
    where period = $period and counted
),
before as (
    select * from marts.incident_register
    where period = $carried_from
)
select
    $period as period,
    r.* exclude (form_id),
    coalesce(b.first_form_id, r.form_id) as first_form_id,
    coalesce(b.first_row, r.row) as first_row,
    r.resolved_at is null as is_open,
from reported as r
left join before as b using (unit_code, incident_no)
union all by name
select b.* replace ($period as period)
from before as b
anti join reported as r using (unit_code, incident_no)
