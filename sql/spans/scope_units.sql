-- core.scope_units of a span: the scopes above every node as in its last month. Grain: one node of one scope.
with latest as (
    select
        unit_code,
        max(period) as period,
    from sixth.core.units
    where list_contains($months, period)
    group by unit_code
)
select s.* replace ($period as period),
from sixth.core.scope_units as s
inner join latest using (period, unit_code)
