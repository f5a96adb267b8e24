-- APP launches. Grain: one scope. All but rows_received are of counted rows.
select
    u.scope,
    count(*) as rows_received,
    count(*) filter (where counted) as rows_counted,
    count(*) filter (where counted and stage in ('新上线', '版本更新') and not assessed) as launched_without_assessment,
    count(*) filter (where counted and interactive) as interactive,
from marts.app_launches
inner join core.scope_units as u using (period, unit_code)
where list_contains($months, period)
group by u.scope
