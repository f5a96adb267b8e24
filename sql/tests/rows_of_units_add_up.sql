-- Every unit's rows received and counted are those of its sheets. A failing row: a unit whose sums disagree.
select
    r.unit_code,
    r.rows_received,
    r.rows_counted,
    'rows counted exceed rows received' as failure_reason,
from marts.unit_results as r
where r.period = $period and r.rows_counted > r.rows_received
