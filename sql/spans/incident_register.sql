-- marts.incident_register of a span: a unit's incidents as they stand at the end of its last month.
-- Grain: one incident of one unit. reported_in: the span where one of its months last spoke of it, else that earlier month.
select i.* replace (
        $period as period,
        case when list_contains($months, i.reported_in) then $period else i.reported_in end as reported_in
    ),
from sixth.marts.incident_register as i
where
    i.period = $months[-1]
    and i.unit_code in (select u.unit_code from sixth.core.units as u where u.period = $months[-1])
