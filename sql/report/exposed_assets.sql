-- New exposed assets. Grain: one scope. All but rows_received are of counted rows.
select
    u.scope,
    count(*) as rows_received,
    count(*) filter (where counted) as rows_counted,
    count(*) filter (where counted and holds_personal_data) as holding_personal_data,
    count(*) filter (where counted and is_unprotected) as without_protection,
    count(*) filter (where counted and not three_sync) as without_three_sync,
    count(*) filter (where counted and not scanned_recently) as unscanned,
    coalesce(sum(high_vulns) filter (where counted), 0) as high_vulns,
    count(*) filter (where counted and has_high_risk_port) as with_high_risk_port,
from marts.exposed_assets
inner join core.scope_units as u using (period, unit_code)
where list_contains($months, period)
group by u.scope
