-- What booking a mail for the month rests on, beside what all months rest on ($rests_on): when it came, and what was
-- found in it, and to whom a steward gave it. Grain: one mail that may concern the month.
-- A sum does not depend on the order of rows. Another version of DuckDB may hash otherwise.
with rows_found as (
    select mail, hash(m) as digest from staging.mails as m
    union all
    select mail, hash(f) as digest from staging.forms as f
    union all
    select mail, hash(s) as digest from staging.scans as s
    union all
    select mail, hash(a) as digest from staging.faults as a
    union all
    select distinct mail, hash('explains') as digest from staging.explanations
    union all
    select mail, hash(a) as digest from core.unaltered_forms as a
    union all
    select mail, hash(l) as digest from core.slips as l
    union all
    select mail, hash(u) as digest from core.used_scans as u
),
found as (
    select mail, sum(digest) as digest
    from rows_found
    semi join (select mail from core.mail_periods where period = $period) as p using (mail)
    group by mail
)
select
    p.period,
    mail,
    concat_ws('|', $rests_on, version(), epoch_us(p.received_at), p.trusted, p.copies, f.digest, d.key) as digest,
from core.mail_periods as p
inner join found as f using (mail)
left join core.decisions as d on d.kind = 'assign' and d.mail = p.mail and d.period = p.period
where p.period = $period
