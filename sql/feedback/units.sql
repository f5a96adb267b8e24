-- What became of every unit that something came from in the month, and when the last of it came. Grain: one unit.
-- What stands here stands in the hash of a unit's answer (reports/feedback/folders.py).
with received as (
    select unit_code, received_at from core.submissions where period = $period
    union all
    select unit_code, received_at from core.mails where period = $period
    union all
    select unit_code, received_at from core.scans where period = $period
),
latest as (
    select unit_code, max(received_at) as received_at from received group by unit_code
)
select
    r.unit_code,
    r.unit_name,
    r.state,
    r.on_time,
    r.rows_received,
    r.rows_counted,
    l.received_at,
    r.cutoff,
from marts.unit_results as r
inner join latest as l using (unit_code)
where r.period = $period
