-- Problems reopened (REC-05), vanished from the return (REC-04) or closed without effect (REC-06). Grain: one finding.
select
    u.scope,
    row_number() over (
        partition by u.scope
        order by
            case f.rule_id when 'REC-05' then 0 when 'REC-04' then 1 else 2 end,
            n.position, coalesce(r.issue_no, f.expected), f.row
    ) as place,
    f.rule_id,
    n.unit_name,
    coalesce(r.issue_no, f.expected) as issue_no,
    coalesce(r.problem, p.problem) as problem,
    coalesce(r.severity, p.severity) as severity,
    coalesce(r.due_on, p.due_on) as due_on,
    f.mail,
    f.file,
    case when f.row > 0 then f.row end as row,
from core.findings as f
inner join core.units as n using (period, unit_code)
inner join core.scope_units as u using (period, unit_code)
left join marts.rectification as r
    on r.period = f.period and r.form_id = f.form_id and r.row = f.row and f.row > 0
left join marts.problems as p
    on p.period = f.period and p.unit_code = f.unit_code and p.issue_no = f.expected
where period = $period and f.rule_id in ('REC-04', 'REC-05', 'REC-06') and f.status = 'open'
