-- The figures of campaigns against fraud, this month and last, those who did most first. Grain: one reporting unit.
-- reported: its indicators are known; a figure that it did not report is empty.
with figures as (
    select
        i.period,
        i.unit_code,
        sum(i.numerator) filter (where i.indicator_code = 'IND-12') as events,
        sum(i.numerator) filter (where i.indicator_code = 'IND-13') as materials,
        sum(i.numerator) filter (where i.indicator_code = 'IND-14') as reached,
        sum(i.numerator) filter (where i.indicator_code = 'IND-15') as warnings,
    from marts.indicators as i
    where i.period in ($period, $previous) and i.counted
    group by i.period, i.unit_code
)
select
    r.unit_name,
    n.unit_name as node_name,
    f.unit_code is not null as reported,
    cast(f.events as bigint) as events,
    cast(f.materials as bigint) as materials,
    cast(f.reached as bigint) as reached,
    cast(f.warnings as bigint) as warnings,
    cast(b.events as bigint) as events_before,
    b.unit_code is not null as reported_before,
from marts.unit_results as r
semi join (select unnest($units) as unit_code) as chosen using (unit_code)
left join core.units as n
    on n.period = r.period and n.unit_code = r.parent_code
left join figures as f
    on f.period = $period and f.unit_code = r.unit_code
left join figures as b
    on b.period = $previous and b.unit_code = r.unit_code
where r.period = $period
order by coalesce(f.events, 0) desc, coalesce(f.reached, 0) desc, r.position
