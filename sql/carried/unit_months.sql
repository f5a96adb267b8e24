-- A unit's month beside its own past (XFM-01, XFM-02). Grain: one effective annex 2 or annex 3 of a unit.
-- assets_bound: mean plus three sample standard deviations of the new assets of its months on record among the last
-- 12, null where fewer than 6; copied_from_last_month: every item is answered as last month, with the same problem
-- and the same measure, and at least one answer is not 符合.
with recent as (
    select
        s.period,
        s.unit_code,
        count(a.row) filter (where a.counted) as assets_new,
    from core.submissions as s
    left join marts.exposed_assets as a using (period, form_id)
    where s.form = 'annex2' and s.status = 'effective' and s.period between $year_before and $period
    group by s.period, s.unit_code
),
bounds as (
    select
        unit_code,
        avg(assets_new) + 3 * stddev_samp(assets_new) as assets_bound,
    from recent
    where period < $period
    group by unit_code
    having count(*) >= 6
),
answers as (
    select
        period,
        unit_code,
        md5(string_agg(
            item_code || '|' || coalesce(result, '') || '|' || coalesce(problem, '') || '|'
            || coalesce(cast(measured as varchar), ''),
            chr(10) order by item_code, row
        )) as content,
        count(*) filter (where result <> '符合') as not_met,
    from marts.self_check
    where period in ($period, $previous)
    group by period, unit_code
)
select
    s.form_id,
    cast(0 as bigint) as row,
    s.unit_code,
    n.assets_new,
    b.assets_bound,
    cast(null as boolean) as copied_from_last_month,
from core.submissions as s
inner join recent as n using (period, unit_code)
left join bounds as b using (unit_code)
where s.period = $period and s.form = 'annex2' and s.status = 'effective'
union all by name
select
    s.form_id,
    cast(0 as bigint) as row,
    s.unit_code,
    now.content = before.content and now.not_met > 0 as copied_from_last_month,
from core.submissions as s
inner join answers as now
    on now.period = s.period and now.unit_code = s.unit_code
inner join answers as before
    on before.period = $previous and before.unit_code = s.unit_code
where s.period = $period and s.form = 'annex3' and s.status = 'effective'
order by form_id
