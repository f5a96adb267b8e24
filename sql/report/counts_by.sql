-- Counted rows by the codes that the summary names. Grain: one code of one figure of one scope.
select
    u.scope,
    figure,
    code,
    count(*) as n,
from (
    select period, unit_code, 'exposed_assets.by_type' as figure, asset_type as code
    from marts.exposed_assets
    where counted
    union all
    select period, unit_code, 'exposed_assets.by_mlps_level', mlps_level
    from marts.exposed_assets
    where counted
    union all
    select period, unit_code, 'app_launches.by_stage', stage
    from marts.app_launches
    where counted
    union all
    select period, unit_code, 'app_launches.by_platform', platform
    from marts.app_launches
    where counted
    union all
    select period, unit_code, 'incidents.by_level', level
    from marts.incidents
    where counted
    union all
    select period, unit_code, 'incidents.by_kind', kind
    from marts.incidents
    where counted
)
inner join core.scope_units as u using (period, unit_code)
where period = $period
group by u.scope, figure, code
