-- Every mail received by the clock of the run ($as_of), beside each month that it may concern: the month whose window
-- it came in, those on its covers, and, where it says 零报告, the year before (ENV-07; submissions.py reads which).
-- Grain: one mail and one month.
with received as (
    select
        m.mail,
        coalesce(r.told_at, m.header_received_at, m.dated_at, r.seen_at, $as_of) as received_at,
        r.told_at is not null or m.header_received_at is not null as trusted,
        r.copies,
        contains(m.subject || m.text_start, '零报告') as states_nil,
    from staging.mails as m
    inner join staging.receipts as r using (mail)
)
select distinct
    mail,
    received_at,
    trusted,
    copies,
    p.period,
from received as r, lateral (
    select strftime(cast(timezone($timezone, r.received_at) as date) - to_months(1), '%Y-%m') as period
    union
    select f.period from staging.forms as f where f.mail = r.mail and f.period is not null
    union
    select strftime(cast(timezone($timezone, r.received_at) as date) - to_months(cast(i as integer)), '%Y-%m')
    from generate_series(2, 13) as back(i) where r.states_nil
) as p
where received_at <= $as_of
