-- The scans that were booked for the month. Grain: one scan of one unit in one mail.
select
    unit_code,
    mail,
    number,
    file,
    state,
    received_at,
from core.scans
where period = $period
order by unit_code, received_at, mail, number
