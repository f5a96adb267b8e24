-- The mails of the month that wait for a steward, with what they hold. Grain: one held mail.
select
    m.mail,
    m.received_at,
    t.sender,
    t.subject,
    t.text_start,
    (
        select coalesce(to_json(list(struct_pack(form := f.form, file := f.file, cover := f.cover) order by f.number)), '[]')
        from staging.forms as f
        where f.mail = m.mail
    ) as forms,
    (
        select coalesce(to_json(list(struct_pack(file := c.file, state := c.state) order by c.number)), '[]')
        from staging.scans as c
        where c.mail = m.mail
    ) as scans,
from core.mails as m
inner join staging.mails as t using (mail)
where m.period = $period and m.held
order by m.received_at, m.mail
