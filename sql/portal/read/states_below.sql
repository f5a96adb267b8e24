-- How many units below a node are in each state. Grain: one state, complete ones apart by whether on time.
select state, coalesce(on_time, 0) as on_time, count(*) as n, sum(rows_received) as received, sum(rows_counted) as counted
from units
where place >= :lo and place < :hi
group by 1, 2
