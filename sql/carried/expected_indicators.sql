-- The indicators that every unit with an effective annex 3 was asked, and where it reports them (KPI-04).
-- Grain: one indicator of one effective annex 3 whose unit does not stand (core.standing_units).
select
    s.form_id,
    cast(0 as bigint) as row,
    s.unit_code,
    i.indicator_code,
    min(r.row) as answered_in_row,
from core.submissions as s
cross join core.indicators as i
left join marts.indicators as r
    on r.period = s.period and r.form_id = s.form_id and r.indicator_code = i.indicator_code
anti join core.standing_units as t on t.period = s.period and t.unit_code = s.unit_code
where s.period = $period and s.form = 'annex3' and s.status = 'effective'
group by s.form_id, s.unit_code, i.indicator_code
order by s.form_id, i.indicator_code
