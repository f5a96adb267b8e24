-- data/submissions.csv. Grain: one form of one unit in one mail, replaced ones included.
select
    s.period,
    s.unit_code,
    s.form,
    s.status,
    s.nil,
    s.mail,
    s.file,
    s.received_at,
from core.submissions as s
inner join core.units as u using (period, unit_code)
semi join (select unnest($units) as unit_code) as chosen using (unit_code)
where s.period = $period
order by u.position, s.form, s.received_at, s.mail, s.number
