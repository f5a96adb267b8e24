-- data/exposed_assets.csv: rows of sheet 暴露面资产新增 of effective submissions. Grain: one row as sent; counted says whether it counts.
select
    r.period,
    r.unit_code,
    r.seq,
    r.asset_name,
    r.asset_type,
    r.public_ip,
    r.ports,
    r.protocol,
    r.url,
    r.icp_no,
    r.system_name,
    r.mlps_level,
    r.mlps_no,
    r.holds_personal_data,
    r.owner,
    r.owner_phone,
    r.online_on,
    r.reason,
    r.protection,
    r.scanned_on,
    r.high_vulns,
    r.three_sync,
    r.remark,
    r.counted,
    array_to_string(r.dropped_by, ';') as dropped_by,
    r.mail,
    r.file,
    r.row,
from marts.exposed_assets as r
inner join core.units as u using (period, unit_code)
semi join core.published_units using (unit_code)
where r.period = $period
order by u.position, r.form_id, r.row
