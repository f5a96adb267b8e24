-- What is unresolved of a unit's incidents at the start of the month, and whether its annex 3 takes it up (INC-05).
-- Grain: one open incident of a unit whose annex 3 is effective this month.
select
    s.form_id,
    cast(0 as bigint) as row,
    s.unit_code,
    i.incident_no,
    min(r.row) as reported_in_row,
from marts.incident_register as i
inner join core.submissions as s
    on s.unit_code = i.unit_code and s.period = $period and s.form = 'annex3' and s.status = 'effective'
left join marts.incidents as r
    on r.period = $period and r.form_id = s.form_id and r.incident_no = i.incident_no
where i.period = $carried_from and i.is_open
group by s.form_id, s.unit_code, i.incident_no
order by s.form_id, i.incident_no
