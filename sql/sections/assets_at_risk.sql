-- New exposed assets with open high-risk vulnerabilities, or with a high-risk port and no protection; worst first.
-- Grain: one counted row.
select
    u.scope,
    row_number() over (
        partition by u.scope
        order by coalesce(a.high_vulns, 0) desc, a.has_high_risk_port desc, n.position, a.form_id, a.row
    ) as place,
    n.unit_name,
    a.asset_name,
    a.asset_type,
    coalesce(a.url, a.public_ip) as address,
    a.ports,
    a.mlps_level,
    coalesce(a.protection, a.protection__text, '无') as protection,
    coalesce(a.high_vulns, 0) as high_vulns,
    a.has_high_risk_port,
    a.scanned_on,
    a.mail,
    a.file,
    a.row,
from marts.exposed_assets as a
inner join core.units as n using (period, unit_code)
inner join core.scope_units as u using (period, unit_code)
where
    period = $period
    and a.counted
    and (a.high_vulns > 0 or (a.has_high_risk_port and a.is_unprotected))
