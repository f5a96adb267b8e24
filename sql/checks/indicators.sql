-- Rows of sheet 工作指标 as the rules see them. Grain: one row of one submission of the chunk.
-- indicator_kind (ratio | count) and indicator_target (percent) are null where the code is unknown (KPI-01).
-- rate_text: to 2 decimals; one that falls short of its target is never rounded up to it.
select
    r.*,
    c.month_start,
    c.month_end,
    c.received_on,
    k.kind as indicator_kind,
    k.target as indicator_target,
    r.indicator_code || ' ' || k.name as indicator_label,
    case
        when r.denominator > 0 and 100.0 * r.numerator < k.target * r.denominator
            then least(round(100.0 * r.numerator / r.denominator, 2), round(k.target - 0.01, 2)) || '%'
        when r.denominator > 0 then round(100.0 * r.numerator / r.denominator, 2) || '%'
    end as rate_text,
from staging.indicators as r
inner join chunk as c using (form_id)
left join core.indicators as k using (indicator_code)
order by r.form_id, r.row
