-- APPs by platform and stage. Grain: one platform of one scope.
select
    u.scope,
    row_number() over (partition by u.scope order by count(*) desc, platform) as place,
    platform,
    count(*) as apps,
    count(*) filter (where stage = '开发中') as in_development,
    count(*) filter (where stage = '新上线') as launched,
    count(*) filter (where stage = '版本更新') as updated,
    count(*) filter (where stage = '下线') as taken_offline,
    count(*) filter (where stage in ('新上线', '版本更新') and not assessed) as launched_without_assessment,
    count(*) filter (where interactive) as interactive,
    count(*) filter (where interactive and not real_name) as without_real_name,
from marts.app_launches
inner join core.scope_units as u using (period, unit_code)
where period = $period and counted
group by u.scope, platform
