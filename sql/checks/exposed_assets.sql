-- Rows of sheet 暴露面资产新增 as the rules see them. Grain: one row of one submission of the chunk.
-- ip_zone and high_risk_ports are added per distinct value by assets/month/findings/enrich.py.
select
    r.*,
    c.month_start,
    c.month_end,
    c.received_on,
from staging.exposed_assets as r
inner join chunk as c using (form_id)
order by r.form_id, r.row
