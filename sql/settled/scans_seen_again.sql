-- Scans of which the bytes or a page came in more than one mail that is there by the clock of the run. Grain: one scan of
-- one mail.
with scans as (
    select s.*
    from staging.scans as s
    semi join core.mail_periods as p using (mail)
),
parts as (
    select mail, number, digest as part from scans
    union all
    select mail, number, unnest(prints) as part from scans
),
again as (
    select part
    from parts
    group by part
    having count(distinct mail) > 1
)
select
    s.mail,
    s.number,
    s.state,
    s.digest,
    s.prints,
from scans as s
where (s.mail, s.number) in (select (mail, number) from parts semi join again using (part))
