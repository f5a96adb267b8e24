-- Mails that came when the window of a month that they speak of was over, with a digest of what the search for slips of
-- that month rests on ($rests_on, and all of its mails, with the decisions on them). Grain: one mail of one month with
-- any such mail.
with windows as (
    select
        *,
        strftime(cast(timezone($timezone, received_at) as date) - to_months(1), '%Y-%m') as window_period,
    from core.mail_periods
),
digests as (
    select
        p.period,
        md5(concat_ws(
            '|', $rests_on, string_agg(concat_ws('|', p.mail, epoch_us(p.received_at), d.key), ',' order by p.mail, d.key)
        )) as digest,
    from core.mail_periods as p
    left join core.decisions as d on d.kind in ('assign', 'waive') and d.mail = p.mail and d.period = p.period
    group by p.period
)
select
    w.period,
    w.mail,
    d.digest,
from windows as w
inner join digests as d using (period)
where w.window_period > w.period
