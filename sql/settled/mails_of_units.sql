-- Mails that speak of the month and may hold a form of some units ($units): from their mailboxes ($mailboxes), or with a
-- cover that names one of them. Grain: one mail.
select p.mail
from core.mail_periods as p
inner join staging.mails as m using (mail)
where p.period = $period and m.sender in (select unnest($mailboxes))
union
select p.mail
from core.mail_periods as p
inner join staging.forms as f using (mail)
where p.period = $period and json_extract_string(f.cover, '$.unit_code.value') in (select unnest($units))
