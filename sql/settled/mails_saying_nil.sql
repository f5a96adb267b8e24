-- The mails that may say 零报告 (ENV-07; submissions.py reads for which month) for a month that is looked for ($before),
-- each with the months that it may concern, and one of them to read it by. Grain: one mail.
select
    p.mail,
    min(p.period) as period,
    list(p.period) as months,
from core.mail_periods as p
inner join staging.mails as m using (mail)
where contains(m.subject || m.text_start, '零报告')
group by p.mail
having list_has_any(list(p.period), $before)
