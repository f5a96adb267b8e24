-- data/rectification.csv: problems reported this month, and those that stand from earlier months unreported.
-- Grain: one row as sent, or one problem carried over (carried_from: the month that last spoke of it).
with reported as (
    select
        r.period,
        r.unit_code,
        /* r.<every column of the sheet in forms.yaml> */
        r.counted,
        array_to_string(r.dropped_by, ';') as dropped_by,
        cast(null as varchar) as carried_from,
        coalesce(p.is_overdue, false) and r.counted as is_overdue,
        r.mail,
        r.file,
        r.row,
    from marts.rectification as r
    left join marts.problems as p
        on p.period = r.period and p.unit_code = r.unit_code and p.issue_no = r.issue_no
    where r.period = $period
),
carried as (
    select
        p.period,
        p.unit_code,
        p.issue_no,
        p.source,
        p.item_code,
        p.problem,
        p.severity,
        p.found_on,
        p.action,
        p.due_on,
        p.status,
        p.closed_on,
        p.effective,
        true as counted,
        p.reported_in as carried_from,
        p.is_overdue,
        p.mail,
        p.file,
        p.row,
    from marts.problems as p
    where p.period = $period and p.is_open and p.reported_in < $period
)
select r.*
from (
    select * from reported
    union all by name
    select * from carried
) as r
inner join core.units as u using (period, unit_code)
semi join (select unnest($units) as unit_code) as chosen using (unit_code)
order by u.position, r.carried_from nulls first, r.mail, r.row, r.issue_no
