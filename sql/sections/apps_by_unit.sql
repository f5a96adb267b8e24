-- APPs by unit, those with faults first. Grain: one unit of one scope that has any.
select
    u.scope,
    row_number() over (
        partition by u.scope
        order by
            count(*) filter (where a.stage in ('新上线', '版本更新') and not a.assessed)
            + count(*) filter (where a.interactive and not a.real_name) desc,
            count(*) desc,
            n.position
    ) as place,
    n.unit_code,
    n.unit_name,
    count(*) as apps,
    count(*) filter (where a.stage in ('新上线', '版本更新')) as launched_or_updated,
    count(*) filter (where a.stage in ('新上线', '版本更新') and not a.assessed) as launched_without_assessment,
    count(*) filter (where a.collects_personal_data) as collecting_personal_data,
    count(*) filter (where a.interactive) as interactive,
    count(*) filter (where a.interactive and not a.real_name) as without_real_name,
from marts.app_launches as a
inner join core.units as n using (period, unit_code)
inner join core.scope_units as u using (period, unit_code)
where period = $period and a.counted
group by u.scope, n.unit_code, n.unit_name, n.position
