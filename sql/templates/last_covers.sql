-- The cover of the form that a unit sent last before the month: who prepares its returns hardly changes.
-- Grain: one unit.
select
    unit_code,
    cover,
from core.submissions
where period < $period and status = 'effective' and cover <> ''
qualify row_number() over (partition by unit_code order by period desc, received_at desc, form) = 1
order by unit_code
