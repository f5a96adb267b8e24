-- The agreements on a unit's register at the end of last month, and whether this month's annex 6 lists them (NDA-06).
-- Grain: one agreement of one unit whose annex 6 is effective this month.
select
    s.form_id,
    cast(0 as bigint) as row,
    s.unit_code,
    g.agreement_no,
    min(r.row) as reported_in_row,
from marts.agreement_register as g
inner join core.submissions as s
    on s.unit_code = g.unit_code and s.period = $period and s.form = 'annex6' and s.status = 'effective'
left join marts.agreements as r
    on r.form_id = s.form_id and r.period = $period and r.agreement_no = g.agreement_no
where g.period = $carried_from
group by s.form_id, s.unit_code, g.agreement_no
order by s.form_id, g.agreement_no
