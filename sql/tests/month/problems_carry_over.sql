-- A problem is as this month's counted row has it, else as it was at the end of the month before; and it is open, or
-- overdue, as its status and due date say. A failing row: a problem that is otherwise, or that nobody reported.
with reported as (
    select unit_code, issue_no, severity, status, due_on
    from marts.rectification
    where period = $period and counted
),
told as (
    from reported
    union all
    select unit_code, issue_no, severity, status, due_on
    from marts.problems
    anti join reported using (unit_code, issue_no)
    where period = $carried_from
),
found as (
    select unit_code, issue_no, severity, status, due_on, is_open, is_overdue
    from marts.problems
    where period = $period
),
expected as (
    select
        *,
        status <> '已完成' as is_open,
        status <> '已完成' and due_on < cast($month_end as date) as is_overdue,
    from told
)
(from expected except all from found)
union all
(from found except all from expected)
