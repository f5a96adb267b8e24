-- What a unit said of its findings, and whether it was taken for an explanation. Grain: one line of one mail.
select
    unit_code,
    received_at,
    mail,
    line,
    subject,
    text,
    verdict,
from core.explanations
where period = $period
