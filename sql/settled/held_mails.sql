-- The held mails of all months, the oldest first. Grain: one mail.
select distinct
    m.mail,
    m.received_at,
    t.sender,
from core.mails as m
inner join staging.mails as t using (mail)
where m.held
order by m.received_at, m.mail
