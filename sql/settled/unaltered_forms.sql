-- Forms in a workbook with our answer in it (the sheet 反馈) that say what a form of an earlier mail said, in every value:
-- nobody has mended anything in them. A form that came before its month was over could not count, and may come again as it
-- is. sent: the mails that it had come in, the last one last; came: when, local; is_late: the window of its month was over.
-- Grain: one form.
with received as (
    select distinct mail, received_at from core.mail_periods
),
forms as (
    select f.mail, f.form_id, f.form, f.period, f.content, f.is_answer, r.received_at
    from staging.forms as f
    inner join received as r using (mail)
    where f.content is not null
)
select
    back.mail,
    back.form_id,
    list(
        {
            mail: sent.mail,
            came: strftime(timezone($timezone, sent.received_at), '%Y-%m-%d %H:%M'),
            is_late: coalesce(
                strftime(cast(timezone($timezone, sent.received_at) as date) - to_months(1), '%Y-%m') > sent.period, false
            )
        }
        order by sent.received_at, sent.mail
    ) as sent,
from forms as back
inner join forms as sent
    on sent.content = back.content and sent.form = back.form
    and (sent.received_at, sent.mail) < (back.received_at, back.mail)
    and coalesce(strftime(timezone($timezone, sent.received_at), '%Y-%m') > sent.period, true)
where back.is_answer
group by back.mail, back.form_id
order by back.mail, back.form_id
