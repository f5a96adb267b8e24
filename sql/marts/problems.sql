-- What stands on the list of problems at the end of the month: this month's counted rows over the list of the month on record before.
-- Grain: one problem of one unit, closed ones included (they are remembered: REC-05).
-- reported_in: the month whose return last spoke of it; is_overdue: not closed, and due before the end of the month.
with reported as (
    select
        unit_code,
        issue_no,
        source,
        item_code,
        problem,
        severity,
        found_on,
        action,
        due_on,
        status,
        closed_on,
        effective,
        period as reported_in,
        mail,
        file,
        row,
    from marts.rectification
    where period = $period and counted
),
carried as (
    select p.* exclude (period, is_open, is_overdue)
    from marts.problems as p
    where
        p.period = $carried_from
        and not exists (
            select 1 from reported as r
            where r.unit_code = p.unit_code and r.issue_no = p.issue_no
        )
)
select
    $period as period,
    p.*,
    p.status <> '已完成' as is_open,
    p.status <> '已完成' and p.due_on < cast($month_end as date) as is_overdue,
from (
    select * from reported
    union all by name
    select * from carried
) as p
