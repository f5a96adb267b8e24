-- How much of an effective annex 3 is an answer (CHK-09, KPI-05). Grain: one effective annex 3 whose unit does not stand
-- (core.standing_units).
-- items_answered, indicators_reported: counted rows; items_asked: of the unit in the month; coverage_percent: a setting.
with asked as (
    select
        u.unit_code,
        count(*) as items_asked,
    from core.units as u
    inner join core.profile_items as i using (profile)
    where u.period = $period and u.level = 'unit'
    group by u.unit_code
),
answered as (
    select
        form_id,
        count(*) as items_answered,
    from marts.self_check
    where period = $period and counted
    group by form_id
),
reported as (
    select
        form_id,
        count(*) as indicators_reported,
    from marts.indicators
    where period = $period and counted
    group by form_id
)
select
    s.form_id,
    cast(0 as bigint) as row,
    s.unit_code,
    coalesce(a.items_answered, 0) as items_answered,
    coalesce(q.items_asked, 0) as items_asked,
    coalesce(r.indicators_reported, 0) as indicators_reported,
    (select count(*) from core.indicators) as indicators_asked,
    cast($coverage_percent as double) as coverage_percent,
from core.submissions as s
left join asked as q using (unit_code)
left join answered as a using (form_id)
left join reported as r using (form_id)
anti join core.standing_units as t on t.period = s.period and t.unit_code = s.unit_code
where s.period = $period and s.form = 'annex3' and s.status = 'effective'
order by s.form_id
