-- Problems overdue at the end of the month: high risk first, then the longest overdue. Grain: one problem of one unit.
select
    u.scope,
    row_number() over (
        partition by u.scope
        order by
            case p.severity when '高' then 0 when '中' then 1 else 2 end, p.due_on, n.position, p.issue_no
    ) as place,
    n.unit_name,
    p.issue_no,
    p.problem,
    p.severity,
    p.source,
    p.found_on,
    p.due_on,
    date_diff('day', p.due_on, cast($month_end as date)) as days_overdue,
    p.status,
    p.reported_in,
    p.mail,
    p.file,
    p.row,
from marts.problems as p
inner join core.units as n using (period, unit_code)
inner join core.scope_units as u using (period, unit_code)
where period = $period and p.is_overdue
