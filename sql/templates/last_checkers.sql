-- Who made most of a unit's last self-check before the month. Grain: one unit.
with latest as (
    select
        unit_code,
        max(period) as period,
    from marts.self_check
    where period < $period and counted
    group by unit_code
)
select
    c.unit_code,
    c.checked_by,
from marts.self_check as c
inner join latest as l using (unit_code, period)
where c.counted and c.checked_by is not null
group by c.unit_code, c.checked_by
qualify row_number() over (partition by c.unit_code order by count(*) desc, c.checked_by) = 1
order by c.unit_code
