-- marts.problems of a span: what stands on the list at the end of its last month. Grain: one problem of one unit.
-- reported_in: the span where one of its months last spoke of it, else that earlier month.
select p.* replace (
        $period as period,
        case when list_contains($months, p.reported_in) then $period else p.reported_in end as reported_in
    ),
from sixth.marts.problems as p
where
    p.period = $months[-1]
    and p.unit_code in (select u.unit_code from sixth.core.units as u where u.period = $months[-1])
