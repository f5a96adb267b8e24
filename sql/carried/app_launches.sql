-- Updates of APPs beside the unit's last counted version. Grain: one row 版本更新 of one effective submission.
-- last_versions: the versions counted for the same platform and package in the last month that has any (APP-08);
-- they are compared number by number in assets/month/findings/enrich.py.
with updates as (
    select
        form_id,
        row,
        unit_code,
        platform,
        package_id,
        version,
        version__text,
    from marts.app_launches
    where
        period = $period
        and stage = '版本更新'
        and platform is not null
        and package_id is not null
        and version is not null
),
counted as (
    select
        h.unit_code,
        h.platform,
        h.package_id,
        h.period,
        h.version,
    from marts.app_launches as h
    where h.period < $period and h.counted and h.version is not null
),
latest as (
    select
        unit_code,
        platform,
        package_id,
        list(version order by version) as last_versions,
    from counted
    group by unit_code, platform, package_id, period
    qualify row_number() over (partition by unit_code, platform, package_id order by period desc) = 1
)
select
    u.form_id,
    u.row,
    u.unit_code,
    u.version,
    u.version__text,
    l.last_versions,
from updates as u
inner join latest as l using (unit_code, platform, package_id)
order by u.form_id, u.row
