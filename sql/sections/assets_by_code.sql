-- New exposed assets by type and by protection level, with their risks. Grain: one code of one dimension of one scope.
select
    u.scope,
    case when grouping(asset_type) = 0 then 'type' else 'level' end as dimension,
    row_number() over (
        partition by u.scope, grouping(asset_type)
        order by count(*) desc, coalesce(asset_type, mlps_level)
    ) as place,
    coalesce(asset_type, mlps_level) as code,
    count(*) as assets,
    round(100 * count(*) / sum(count(*)) over (partition by u.scope, grouping(asset_type)) + 1e-9, 2) as share,
    count(*) filter (where is_unprotected) as without_protection,
    count(*) filter (where not three_sync) as without_three_sync,
    count(*) filter (where not scanned_recently) as unscanned,
    count(*) filter (where has_high_risk_port) as with_high_risk_port,
    sum(coalesce(high_vulns, 0)) as high_vulns,
from marts.exposed_assets
inner join core.scope_units as u using (period, unit_code)
where period = $period and counted
group by grouping sets ((u.scope, asset_type), (u.scope, mlps_level))
