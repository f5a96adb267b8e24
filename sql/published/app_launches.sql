-- data/app_launches.csv: rows of sheet APP上线情况 of effective submissions. Grain: one row as sent; counted says whether it counts.
select
    r.period,
    r.unit_code,
    /* r.<every column of the sheet in forms.yaml> */
    r.counted,
    array_to_string(r.dropped_by, ';') as dropped_by,
    r.mail,
    r.file,
    r.row,
from marts.app_launches as r
inner join core.units as u using (period, unit_code)
semi join (select unnest($units) as unit_code) as chosen using (unit_code)
where r.period = $period
order by u.position, r.form_id, r.row
