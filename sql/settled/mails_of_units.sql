-- Mails that speak of the month and may hold a form of some units ($units): from their mailboxes ($mailboxes), given to
-- them by a steward, or with a cover that names one of them. Grain: one mail.
select p.mail
from core.mail_periods as p
inner join staging.mails as m using (mail)
where p.period = $period and m.sender in (select unnest($mailboxes))
union
select d.mail
from core.decisions as d
where d.period = $period and d.kind = 'assign' and d.unit_code in (select unnest($units))
union
select p.mail
from core.mail_periods as p
inner join staging.forms as f using (mail)
where p.period = $period and json_extract_string(f.cover, '$.unit_code.value') in (select unnest($units))
