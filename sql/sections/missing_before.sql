-- What the units that are missing or returned had reported the month before, which no figure of this month has.
-- Grain: one scope with any. reported: those of them that had an effective form then.
with absent as (
    select
        u.scope,
        r.unit_code,
    from marts.unit_results as r
    inner join core.scope_units as u using (period, unit_code)
    where r.period = $period and r.state in ('missing', 'returned')
),
before as (
    select unit_code
    from marts.unit_results
    where period = $previous and state in ('complete', 'incomplete')
),
rows_before as (
    select unit_code, 'assets' as kind from marts.exposed_assets where period = $previous and counted
    union all
    select unit_code, 'apps' as kind from marts.app_launches where period = $previous and counted
    union all
    select unit_code, 'incidents' as kind from marts.incidents where period = $previous and counted
),
counted as (
    select
        unit_code,
        count(*) filter (where kind = 'assets') as assets,
        count(*) filter (where kind = 'apps') as apps,
        count(*) filter (where kind = 'incidents') as incidents,
    from rows_before
    group by unit_code
)
select
    a.scope,
    count(b.unit_code) as reported,
    cast(coalesce(sum(c.assets), 0) as bigint) as assets,
    cast(coalesce(sum(c.apps), 0) as bigint) as apps,
    cast(coalesce(sum(c.incidents), 0) as bigint) as incidents,
from absent as a
left join before as b using (unit_code)
left join counted as c using (unit_code)
group by a.scope
