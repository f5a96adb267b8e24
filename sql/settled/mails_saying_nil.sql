-- The mails that may say 零报告 for a month other than that of their window (ENV-07; submissions.py reads which), each
-- under one of the months that it may concern. Grain: one mail.
select
    p.mail,
    min(p.period) as period,
from core.mail_periods as p
inner join staging.mails as m using (mail)
where contains(m.subject || m.text_start, '零报告')
group by p.mail
