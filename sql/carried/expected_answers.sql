-- The items that every unit with an effective annex 3 was asked, and where it answers them (CHK-02).
-- Grain: one item of one effective annex 3 whose unit does not stand (core.standing_units).
select
    s.form_id,
    cast(0 as bigint) as row,
    s.unit_code,
    i.item_code,
    min(r.row) as answered_in_row,
from core.submissions as s
inner join core.units as u using (period, unit_code)
inner join core.profile_items as i using (profile)
left join marts.self_check as r
    on r.period = s.period and r.form_id = s.form_id and r.item_code = i.item_code
anti join core.standing_units as t on t.period = s.period and t.unit_code = s.unit_code
where s.period = $period and s.form = 'annex3' and s.status = 'effective'
group by s.form_id, s.unit_code, i.item_code
order by s.form_id, i.item_code
