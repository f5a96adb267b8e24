-- Returns of the scopes directly below. Grain: one scope below of one scope.
-- The five numbers are DHIS2's: expected, reported, reported on time, reporting rate, reporting rate on time.
select
    b.parent_code as scope,
    row_number() over (partition by b.parent_code order by b.position) as place,
    b.unit_name,
    count(*) as expected,
    count(*) filter (where r.state = 'complete') as reported,
    count(*) filter (where r.on_time) as reported_on_time,
    count(*) filter (where r.state = 'incomplete') as incomplete,
    count(*) filter (where r.state = 'returned') as returned,
    count(*) filter (where r.state = 'missing') as missing,
    round(100 * count(*) filter (where r.state = 'complete') / count(*) + 1e-9, 2) as rate,
    round(100 * count(*) filter (where r.on_time) / count(*) + 1e-9, 2) as rate_on_time,
    round(avg(r.score) + 1e-9, 2) as mean_score,
from core.units as b
inner join core.scope_units as s
    on s.period = b.period and s.scope = b.unit_code
inner join marts.unit_results as r
    on r.period = s.period and r.unit_code = s.unit_code
where b.period = $period and b.level <> 'unit' and b.parent_code <> ''
group by b.parent_code, b.unit_name, b.unit_code, b.position
