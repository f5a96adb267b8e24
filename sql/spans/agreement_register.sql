-- marts.agreement_register of a span: the register at the end of its last month. Grain: one agreement of one unit.
-- reported_in: the span where the annex 6 is of one of its months, else that earlier month.
select g.* replace (
        $period as period,
        case when list_contains($months, g.reported_in) then $period else g.reported_in end as reported_in
    ),
from sixth.marts.agreement_register as g
where
    g.period = $months[-1]
    and g.unit_code in (select u.unit_code from sixth.core.units as u where u.period = $months[-1])
