-- finding_id names one finding of the period. A failing row: an id that is there twice.
select
    finding_id,
    count(*) as n,
    'two findings share an id' as failure_reason,
from core.findings
where period = $period
group by finding_id
having n > 1
