-- Units whose findings and rows stand: what they rest on is what it was when the month was last settled, and of their
-- warnings nothing else is said now. Grain: one unit.
with said_otherwise as (
    select subject
    from core.said_now as n
    full join (select subject, text from core.said where period = $period) as b using (subject)
    where n.text is distinct from b.text
)
select
    period,
    unit_code,
from core.unit_digests as d
inner join core.settled_units as s using (period, unit_code, digest)
where
    period = $period
    and unit_code not in (
        select f.unit_code
        from core.all_findings as f
        semi join said_otherwise using (subject)
        where f.period = $period
    )
