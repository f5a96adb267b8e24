-- What became of units in the month, the points that each part of the score cost them, and the month before: the worst
-- first. Grain: one reporting unit of $units. lost_*: 2 decimals, half up; of a unit that is missing or returned, all.
-- reported_late: incidents whose number the unit had not counted before, as the summary counts them.
with late as (
    select
        i.unit_code,
        count(*) as reported_late,
    from marts.incidents as i
    semi join marts.incident_register as f
        on f.period = i.period and f.unit_code = i.unit_code and f.first_form_id = i.form_id and f.first_row = i.row
    where i.period = $period and i.counted and i.is_reported_late
    group by i.unit_code
),
urgent as (
    select
        unit_code,
        count(*) as high_overdue,
    from marts.problems
    where period = $period and is_overdue and severity = '高'
    group by unit_code
),
ranked as (
    select
        r.period,
        r.unit_code,
        r.score,
        rank() over (partition by r.period order by r.score desc) as rank,
    from marts.unit_results as r
    semi join (select unnest($units) as unit_code) as chosen using (unit_code)
    where r.period in ($period, $previous)
)
select
    r.unit_name,
    n.unit_name as node_name,
    r.state,
    coalesce(r.on_time, false) as on_time,
    r.score,
    k.rank,
    b.rank - k.rank as rank_change,
    round(r.score_timeliness + 1e-9, 2) as timeliness,
    round(r.score_data_quality + 1e-9, 2) as data_quality,
    round(r.score_self_check + 1e-9, 2) as self_check,
    round(r.score_rectification + 1e-9, 2) as rectification,
    round(r.score_indicators + 1e-9, 2) as indicators,
    round(w.timeliness - r.score_timeliness + 1e-9, 2) as lost_timeliness,
    round(w.data_quality - r.score_data_quality + 1e-9, 2) as lost_data_quality,
    round(w.self_check - r.score_self_check + 1e-9, 2) as lost_self_check,
    round(w.rectification - r.score_rectification + 1e-9, 2) as lost_rectification,
    round(w.indicators - r.score_indicators + 1e-9, 2) as lost_indicators,
    round(w.timeliness + w.data_quality + w.self_check + w.rectification + w.indicators - r.score + 1e-9, 2) as lost,
    cast(r.rows_received - r.rows_counted as bigint) as left_out,
    r.overdue_problems,
    coalesce(u.high_overdue, 0) as high_overdue,
    coalesce(l.reported_late, 0) as reported_late,
    r.key_supervision,
from marts.unit_results as r
inner join ranked as k
    on k.period = r.period and k.unit_code = r.unit_code
left join ranked as b
    on b.unit_code = r.unit_code and b.period = $previous
left join core.units as n
    on n.period = r.period and n.unit_code = r.parent_code
left join late as l on l.unit_code = r.unit_code
left join urgent as u on u.unit_code = r.unit_code
cross join core.score_weights as w
where r.period = $period
order by r.score, r.position
