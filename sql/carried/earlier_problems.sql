-- What the unit's last counted return left open, and whether this month's takes it up (REC-04).
-- Grain: one open problem of the last return of a unit whose annex 3 is effective this month.
with returns as (
    select
        unit_code,
        max(period) as last_period,
    from core.submissions
    where form = 'annex3' and status = 'effective' and period < $period
    group by unit_code
),
left_open as (
    select distinct
        r.unit_code,
        r.issue_no,
    from marts.rectification as r
    inner join returns as l
        on l.unit_code = r.unit_code and l.last_period = r.period
    where r.counted and r.status <> '已完成'
)
select
    s.form_id,
    cast(0 as bigint) as row,
    s.unit_code,
    o.issue_no,
    min(r.row) as reported_in_row,
from left_open as o
inner join core.submissions as s
    on s.unit_code = o.unit_code and s.period = $period and s.form = 'annex3' and s.status = 'effective'
left join marts.rectification as r
    on r.form_id = s.form_id and r.period = $period and r.issue_no = o.issue_no
group by s.form_id, s.unit_code, o.issue_no
order by s.form_id, o.issue_no
