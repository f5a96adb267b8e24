-- Rows of sheet 保密协议 as the rules see them. Grain: one row of one submission of the chunk.
-- uscc_valid is added per distinct value by assets/month/findings/enrich.py (NDA-01).
select
    r.*,
    c.month_start,
    c.month_end,
    c.received_on,
from staging.agreements as r
inner join chunk as c using (form_id)
order by r.form_id, r.row
