-- New exposed assets by unit, with their risks; the unit with most open high-risk vulnerabilities first.
-- Grain: one unit of one scope that has any.
select
    u.scope,
    row_number() over (
        partition by u.scope order by sum(coalesce(a.high_vulns, 0)) desc, count(*) desc, n.position
    ) as place,
    n.unit_code,
    n.unit_name,
    count(*) as assets,
    count(*) filter (where a.holds_personal_data) as holding_personal_data,
    count(*) filter (where a.is_unprotected) as without_protection,
    count(*) filter (where not a.three_sync) as without_three_sync,
    count(*) filter (where not a.scanned_recently) as unscanned,
    count(*) filter (where a.has_high_risk_port) as with_high_risk_port,
    sum(coalesce(a.high_vulns, 0)) as high_vulns,
from marts.exposed_assets as a
inner join core.units as n using (period, unit_code)
inner join core.scope_units as u using (period, unit_code)
where period = $period and a.counted
group by u.scope, n.unit_code, n.unit_name, n.position
