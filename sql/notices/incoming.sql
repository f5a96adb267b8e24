-- The mails that units sent, or offices for them, the oldest first; a mail without forms is about its sender. Held mails
-- are not among them. Grain: one mail and one unit that it concerns.
with submissions as (
    select distinct mail, unit_code
    from core.submissions
    where period = $period
)
select
    m.mail,
    coalesce(s.unit_code, m.unit_code) as unit_code,
    t.sender,
    coalesce(t.subject, '') as subject,
    coalesce(t.message_id, '') as message_id,
    coalesce(t.refs, '') as "references",
    m.received_at,
from core.mails as m
left join submissions as s using (mail)
inner join staging.mails as t using (mail)
where m.period = $period and not m.held
order by m.received_at, m.mail, unit_code
