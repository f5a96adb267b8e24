-- marts.unit_forms of a span: as over one long month, the best of the months. Grain: one form of one reporting unit.
-- state: effective or nil where any month's form is, returned where the unit sent the form and none is effective,
-- missing where it never sent it. Which month lacks which form: sections/span_returns_owed.sql.
select
    $period as period,
    f.unit_code,
    f.form,
    case
        when bool_or(f.state = 'effective') then 'effective'
        when bool_or(f.state = 'nil') then 'nil'
        when bool_or(f.state = 'returned') then 'returned'
        when bool_or(f.state = 'missing') then 'missing'
        else 'not_required'
    end as state,
    cast(sum(f.times_sent) as bigint) as times_sent,
from sixth.marts.unit_forms as f
where list_contains($months, f.period)
group by f.unit_code, f.form
