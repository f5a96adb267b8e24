-- Mails of earlier months that figures of the month rest on: problems, incidents and agreements as they were last reported.
-- Grain: one mail of one unit.
select distinct
    c.unit_code as unit,
    c.mail,
    m.received_at,
from (
    select period, unit_code, mail, reported_in from marts.problems
    union all
    select period, unit_code, mail, reported_in from marts.incident_register
    union all
    select period, unit_code, mail, reported_in from marts.agreement_register
) as c
inner join core.mails as m on m.period = c.reported_in and m.mail = c.mail
where c.period = $period and c.reported_in < $months[1]
order by m.received_at, c.mail, c.unit_code
