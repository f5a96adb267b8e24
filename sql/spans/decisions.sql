-- core.decisions of a span: what is in force in a month of it, once. Grain: one decision.
select d.* replace ($period as period),
from sixth.core.decisions as d
where list_contains($months, d.period)
qualify row_number() over (partition by d.key order by d.period) = 1
