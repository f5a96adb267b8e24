-- Assets of effective submissions beside earlier months and other units. Grain: one row of one submission.
-- earlier_period: the first month in which the unit's same key was counted (AST-11); other_units: the names of the
-- other units that report the key in the same month (AST-12). Rows without an address, or with one that is not
-- public (AST-01), have neither.
with assets as (
    select
        r.form_id,
        r.row,
        r.unit_code,
        r.public_ip__text,
        r.url__text,
        r.asset_key,
    from marts.exposed_assets as r
    where r.period = $period and r.asset_key is not null
),
earlier as (
    select
        h.unit_code,
        h.asset_key,
        min(h.period) as earlier_period,
    from marts.exposed_assets as h
    where h.period < $period and h.counted and h.asset_key is not null
    group by h.unit_code, h.asset_key
),
claims as (
    select
        asset_key,
        list(distinct unit_code) as unit_codes,
    from assets
    group by asset_key
    having count(distinct unit_code) > 1
)
select
    a.form_id,
    a.row,
    a.unit_code,
    a.public_ip__text,
    a.url__text,
    e.earlier_period,
    (
        select string_agg(u.unit_name, '、' order by u.position)
        from core.units as u
        where
            u.period = $period
            and list_contains(c.unit_codes, u.unit_code)
            and u.unit_code <> a.unit_code
    ) as other_units,
from assets as a
left join earlier as e using (unit_code, asset_key)
left join claims as c using (asset_key)
where e.earlier_period is not null or c.asset_key is not null
order by a.form_id, a.row
