-- What the fingerprint of a month holds of its mails: when each came, its copies, and what other mails make of it.
-- Grain: one month that a mail may concern.
with of_others as (
    select mail, concat_ws('|', form_id, sent_at) as said from core.unaltered_forms
    union all
    select mail, concat_ws('|', period, form_id) as said from core.slips
    union all
    select mail, concat_ws('|', period, unit_code, number, used_for) as said from core.used_scans
),
said as (
    select mail, string_agg(said, ',' order by said) as said from of_others group by mail
)
select
    period,
    md5(string_agg(concat_ws('|', mail, epoch_us(received_at), copies, s.said), ',' order by mail)) as mails,
from core.mail_periods
left join said as s using (mail)
group by period
