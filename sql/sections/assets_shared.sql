-- The same address claimed by several units in the month (AST-12). Grain: one address of one scope.
-- units: how many claim it in the whole carrier; unit_names: those of them in the scope.
with shared as (
    select
        asset_key,
        count(distinct unit_code) as units,
    from marts.exposed_assets
    where period = $period and asset_key is not null
    group by asset_key
    having count(distinct unit_code) > 1
)
select
    u.scope,
    row_number() over (partition by u.scope order by s.units desc, a.asset_key) as place,
    any_value(coalesce(a.url, a.public_ip)) as address,
    any_value(a.ports) as ports,
    any_value(a.protocol) as protocol,
    s.units,
    string_agg(distinct n.unit_name, '、' order by n.unit_name) as unit_names,
from marts.exposed_assets as a
inner join shared as s using (asset_key)
inner join core.units as n using (period, unit_code)
inner join core.scope_units as u using (period, unit_code)
where period = $period
group by u.scope, a.asset_key, s.units
