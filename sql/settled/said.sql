-- What units say of their warnings, of those that the month has. Grain: one subject of findings.
select
    subject,
    text,
    $period as period,
from core.said_now
semi join (select subject from core.all_findings where period = $period) as f using (subject)
