-- data/agreements.csv: the register at the end of the month, and this month's rows that do not stand on it
-- (dropped, or 终止).
-- Grain: one agreement of one unit (reported_in: the month whose annex 6 it stands in), or one row left out.
with registered as (
    select
        g.period,
        g.unit_code,
        g.agreement_no,
        g.reported_in,
        r.* exclude (period, unit_code, agreement_no, dropped_by),
    from marts.agreement_register as g
    inner join marts.agreements as r
        on r.period = g.reported_in and r.unit_code = g.unit_code and r.mail = g.mail and r.row = g.row
    where g.period = $period
)
select
    r.period,
    r.unit_code,
    /* r.<every column of the sheet in forms.yaml> */
    r.counted,
    array_to_string(r.dropped_by, ';') as dropped_by,
    r.reported_in,
    r.mail,
    r.file,
    r.row,
from (
    select * from registered
    union all by name
    select *, period as reported_in from marts.agreements
    where period = $period and (not counted or status = '终止')
) as r
inner join core.units as u using (period, unit_code)
semi join (select unnest($units) as unit_code) as chosen using (unit_code)
order by u.position, r.agreement_no, r.reported_in, r.row
