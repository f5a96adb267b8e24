-- Of the mails that were collected: when the next one is there that the clock of the run ($as_of) has not reached, and
-- how many have no time of their own, so that they come with every run (mail_periods.sql). Grain: one row.
select
    min(received_at) filter (where received_at > $as_of) as next_at,
    count(*) filter (where received_at is null) as without_time,
from (
    select coalesce(r.told_at, m.header_received_at, m.dated_at, r.seen_at) as received_at
    from staging.mails as m
    inner join staging.receipts as r using (mail)
)
