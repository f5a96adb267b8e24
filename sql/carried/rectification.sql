-- Problems reported this month beside what became of them before. Grain: one row of one effective submission.
-- closed_earlier: the unit's return had closed the problem in an earlier month (REC-05).
select
    r.form_id,
    r.row,
    r.unit_code,
    r.issue_no,
    r.issue_no__text,
    r.status,
    p.status = '已完成' as closed_earlier,
from marts.rectification as r
inner join marts.problems as p
    on p.period = $carried_from and p.unit_code = r.unit_code and p.issue_no = r.issue_no
where r.period = $period
order by r.form_id, r.row
