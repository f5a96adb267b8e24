-- What the fingerprint of a month holds of stewards' decisions; a note changes nothing that is counted.
-- Grain: one month with a decision.
select
    period,
    string_agg(key || decided_by, ',' order by key) as told,
from core.decisions
where kind <> 'note'
group by period
