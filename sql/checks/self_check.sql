-- Rows of sheet 自查结果 as the rules see them. Grain: one row of one submission of the chunk.
-- item_applies: the item is known and asked of the unit in the month (CHK-01); item_target in percent, null where the
-- item is not measured; taken_up: a row of 问题整改 in the same form, source 自查, names the item (CHK-08).
select
    r.*,
    c.month_start,
    c.month_end,
    c.received_on,
    i.item_code is not null as item_applies,
    i.target as item_target,
    i.target_text as item_target_text,
    p.form_id is not null as taken_up,
from staging.self_check as r
inner join chunk as c using (form_id)
left join core.profile_items as i
    on i.profile = c.profile and i.item_code = r.item_code
left join (
    select distinct
        form_id,
        item_code,
    from staging.rectification
    where source = '自查' and item_code is not null
) as p
    on p.form_id = r.form_id and p.item_code = r.item_code
order by r.form_id, r.row
