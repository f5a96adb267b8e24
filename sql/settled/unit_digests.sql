-- What a unit's findings and rows rest on in the month, beside what all months rest on ($rests_on). Grain: one unit
-- that something came from; "" for mails from addresses that nobody has.
-- A sum does not depend on the order of rows. Another version of DuckDB may hash otherwise.
select
    $period as period,
    unit_code,
    concat_ws('|', $rests_on, version(), sum(digest)) as digest,
from (
    select s.unit_code, hash(s) as digest
    from core.submissions as s
    where s.period = $period
    union all
    select f.unit_code, hash(f) as digest
    from (select * exclude (ordinal) from core.plain_findings where period = $period) as f
    union all
    select c.unit_code, hash(c) as digest
    from core.scans as c
    where c.period = $period
    union all
    select d.unit_code, hash(d.key || d.decided_by) as digest
    from core.decisions as d
    where d.period = $period and d.kind <> 'note'
)
group by unit_code
