-- Every form that was booked for the month, with what became of it: of the forms of a kind that a unit sent, the latest
-- that was not returned is effective; the latest of all is returned where it was; the others are replaced.
-- Grain: one form of one unit in one mail.
select
    b.*,
    case
        when not returned and row_number() over not_returned = 1 then 'effective'
        when row_number() over sent = 1 then 'returned'
        else 'replaced'
    end as status,
from core.booked_forms as b
where period = $period
window
    sent as (partition by unit_code, form order by received_at desc, mail desc, number desc),
    not_returned as (partition by unit_code, form, returned order by received_at desc, mail desc, number desc)
