-- data/app_launches.csv: rows of sheet APP上线情况 of effective submissions. Grain: one row as sent; counted says whether it counts.
select
    r.period,
    r.unit_code,
    r.seq,
    r.app_name,
    r.platform,
    r.package_id,
    r.version,
    r.stage,
    r.launched_on,
    r.developer_kind,
    r.developer,
    r.app_filing_no,
    r.assessed,
    r.assessed_on,
    r.collects_personal_data,
    r.privacy_url,
    r.interactive,
    r.real_name,
    r.owner,
    r.owner_phone,
    r.remark,
    r.counted,
    array_to_string(r.dropped_by, ';') as dropped_by,
    r.mail,
    r.file,
    r.row,
from marts.app_launches as r
inner join core.units as u using (period, unit_code)
semi join core.published_units using (unit_code)
where r.period = $period
order by u.position, r.form_id, r.row
