-- data/decisions.csv. Grain: one decision in force that bears on the month.
select
    key,
    kind,
    subject,
    unit_code,
    finding_id,
    mail,
    decided_by,
    decided_at,
    until,
    through,
    reason,
    replaces,
from core.decisions
where period = $period
order by decided_at, key
