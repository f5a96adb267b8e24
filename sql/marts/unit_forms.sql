-- What a unit sent of each form. Grain: one form of one reporting unit.
-- state: effective, nil (effective, and declared empty), returned, missing, not_required (optional, not sent).
select
    u.period,
    u.unit_code,
    f.form,
    case
        when bool_or(s.status = 'effective' and s.nil) then 'nil'
        when bool_or(s.status = 'effective') then 'effective'
        when count(s.form_id) > 0 then 'returned'
        when f.required then 'missing'
        else 'not_required'
    end as state,
    count(s.form_id) as times_sent,
from core.units as u
cross join core.forms as f
left join core.submissions as s
    on s.period = u.period and s.unit_code = u.unit_code and s.form = f.form
where u.period = $period and u.level = 'unit'
group by u.period, u.unit_code, f.form, f.required
