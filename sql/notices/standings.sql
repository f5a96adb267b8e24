-- What became of every reporting unit, for the mails that tell it; held_up: an open finding keeps its return incomplete.
-- Grain: one unit of the month.
select
    unit_code,
    unit_name,
    state,
    scan,
    unit_code in (
        select f.unit_code
        from core.all_findings as f
        where f.period = $period and f.counts and f.status = 'open' and f.effect = 'incomplete'
    ) as held_up,
    rows_received,
    rows_counted,
    warnings,
    on_time,
    first_complete_at,
    cutoff,
from marts.unit_results
where period = $period
order by position
