-- A unit's score is the sum of its parts, and each part what system.md, Score, makes of the unit's month.
-- A failing row: a unit whose score or one of whose parts is another.
with problems as (
    select
        unit_code,
        count(*) filter (where is_open) as open,
        count(*) filter (where is_overdue) as overdue,
    from marts.problems
    where period = $period
    group by unit_code
),
answers as (
    select
        u.unit_code,
        sum(i.weight) filter (where a.result is null or a.result <> '不适用') as asked,
        sum(case a.result when '符合' then i.weight when '部分符合' then i.weight / 2 else 0 end) as met,
    from core.units as u
    inner join core.profile_items as i using (profile)
    left join (from marts.self_check where counted) as a using (period, unit_code, item_code)
    where u.period = $period and u.level = 'unit'
    group by u.unit_code
),
ratios as (
    select
        unit_code,
        count(*) filter (where denominator = 0 or 100.0 * numerator >= target * denominator) as reached,
    from marts.indicators
    where period = $period and counted and kind = 'ratio'
    group by unit_code
),
told as (
    select
        r.unit_code,
        r.state in ('complete', 'incomplete') as has_score,
        w.timeliness
        * case when r.on_time then 1 when r.state = 'complete' then 0.5 when r.state = 'incomplete' then 0.25 else 0 end
            as timeliness,
        w.data_quality * coalesce(r.rows_counted / nullif(r.rows_received, 0), 1) as data_quality,
        w.self_check * coalesce(a.met / nullif(a.asked, 0), 1) as self_check,
        w.rectification * (1 - coalesce(p.overdue / nullif(p.open, 0), 0)) as rectification,
        w.indicators * coalesce(i.reached, 0) / (select count(*) from core.indicators where kind = 'ratio') as indicators,
    from marts.unit_results as r
    cross join core.score_weights as w
    left join problems as p using (unit_code)
    left join answers as a using (unit_code)
    left join ratios as i using (unit_code)
    where r.period = $period
)
select
    unit_code,
    'the score is not what the month makes it' as failure_reason,
from marts.unit_results as r
inner join told as t using (unit_code)
where
    r.period = $period
    and not coalesce(
        abs(r.score_timeliness - if(has_score, t.timeliness, 0)) < 1e-6
        and abs(r.score_data_quality - if(has_score, t.data_quality, 0)) < 1e-6
        and abs(r.score_self_check - if(has_score, t.self_check, 0)) < 1e-6
        and abs(r.score_rectification - if(has_score, t.rectification, 0)) < 1e-6
        and abs(r.score_indicators - if(has_score, t.indicators, 0)) < 1e-6
        and abs(
            r.score - r.score_timeliness - r.score_data_quality - r.score_self_check - r.score_rectification
            - r.score_indicators
        ) < 0.0051,
        false
    )
