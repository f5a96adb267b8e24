-- Rows of sheet APP上线情况 as the rules see them. Grain: one row of one submission of the chunk.
-- has_im_service: the unit's register entry has service im (APP-07).
select
    r.*,
    c.month_start,
    c.month_end,
    c.received_on,
    c.has_im_service,
from staging.app_launches as r
inner join chunk as c using (form_id)
order by r.form_id, r.row
