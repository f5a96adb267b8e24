-- What is open on a unit's list at the start of the month, and whether its annex 3 takes it up (REC-04).
-- Grain: one open problem of a unit whose annex 3 is effective this month.
select
    s.form_id,
    cast(0 as bigint) as row,
    s.unit_code,
    p.issue_no,
    min(r.row) as reported_in_row,
from marts.problems as p
inner join core.submissions as s
    on s.unit_code = p.unit_code and s.period = $period and s.form = 'annex3' and s.status = 'effective'
left join marts.rectification as r
    on r.period = $period and r.form_id = s.form_id and r.issue_no = p.issue_no
where p.period = $carried_from and p.is_open
group by s.form_id, s.unit_code, p.issue_no
order by s.form_id, p.issue_no
