-- marts.unit_completion of a span: when the last of its months that a unit completed was first complete.
-- Grain: one unit that completed a month of it.
select
    $period as period,
    unit_code,
    max(first_complete_at) as first_complete_at,
from sixth.marts.unit_completion
where list_contains($months, period)
group by unit_code
