-- What became of each unit in the month and in the eleven before. Grain: one unit in one month.
select
    unit_code,
    period,
    state,
    on_time,
from marts.unit_results
where period between $first and $period
order by unit_code, period
