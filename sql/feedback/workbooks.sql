-- The forms that a unit's answer marks: those that stand and those that were returned. Grain: one form of one unit in
-- one mail.
select
    unit_code,
    mail,
    number,
    file,
    form,
    form_id,
    coalesce(cover, '') as cover,
    received_at,
from core.submissions
where period = $period and status in ('effective', 'returned')
