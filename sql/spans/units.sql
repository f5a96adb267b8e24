-- core.units of a span: every node active in a month of it, as in the last of those months. Grain: one node.
-- position: as in the register, nodes that are gone at the end of the span last.
-- profile: those of its months joined by ' + ', so that items are asked once a month (spans/profile_items.sql).
-- cutoff: none, as each month had its own.
with latest as (
    select
        unit_code,
        max(period) as period,
        string_agg(profile, ' + ' order by period) as profiles,
    from sixth.core.units
    where list_contains($months, period)
    group by unit_code
)
select
    u.* replace (
        $period as period,
        row_number() over (order by u.period desc, u.position) as position,
        l.profiles as profile,
        cast(null as timestamp with time zone) as cutoff
    ),
from sixth.core.units as u
inner join latest as l using (period, unit_code)
