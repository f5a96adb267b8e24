-- Counted rows by the codes that the summary names, incidents by those whose number the unit had not counted before.
-- Grain: one code of one figure of one scope.
with new_incidents as (
    select i.*
    from marts.incidents as i
    semi join marts.incident_register as n
        on n.period = i.period and n.unit_code = i.unit_code and n.first_form_id = i.form_id and n.first_row = i.row
    where i.counted
)
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
    from new_incidents
    union all
    select period, unit_code, 'incidents.by_kind', kind
    from new_incidents
)
inner join core.scope_units as u using (period, unit_code)
where list_contains($months, period)
group by u.scope, figure, code
