-- Rows of sheet 问题整改 as the rules see them. Grain: one row of one submission of the chunk.
select
    r.*,
    c.month_start,
    c.month_end,
    c.received_on,
from staging.rectification as r
inner join chunk as c using (form_id)
order by r.form_id, r.row
