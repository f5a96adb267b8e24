-- Units of which nothing stands in the month. Grain: one unit. until: its own cut-off, where it has one.
select
    unit_code,
    unit_name,
    state,
    strftime(timezone($timezone, cutoff), '%Y-%m-%d %H:%M') as until,
from marts.unit_results
where period = $period and state in ('missing', 'returned')
order by position
