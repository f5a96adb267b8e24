-- Answers 符合 beside the indicator that measures the same (XFM-03). Grain: one answer of one effective annex 3 whose
-- unit does not stand (core.standing_units), where the item names an indicator that the form reports, counted.
-- falls_short: more than nothing was due, and less was done than the target wants; rate_text is never rounded up to it.
select
    r.form_id,
    r.row,
    r.unit_code,
    r.item_code__text,
    r.result__text,
    k.name as indicator_name,
    m.indicator_code || ' ' || k.name as indicator_label,
    case when 100.0 * m.numerator < k.target * m.denominator then true end as falls_short,
    case
        when falls_short then least(round(100.0 * m.numerator / m.denominator, 2), round(k.target - 0.01, 2))
        else round(100.0 * m.numerator / m.denominator, 2)
    end || '%' as rate_text,
from marts.self_check as r
inner join core.units as u
    on u.period = r.period and u.unit_code = r.unit_code
inner join core.profile_items as i
    on i.profile = u.profile and i.item_code = r.item_code
inner join core.indicators as k
    on k.indicator_code = i.indicator_code and k.kind = 'ratio'
inner join marts.indicators as m
    on m.period = r.period and m.form_id = r.form_id and m.indicator_code = i.indicator_code and m.counted
anti join core.standing_units as t on t.period = r.period and t.unit_code = r.unit_code
where r.period = $period and r.result = '符合' and m.denominator > 0
order by r.form_id, r.row
