-- APPs launched or updated without a passed assessment, and interactive ones without real names. Grain: one counted row.
select
    u.scope,
    row_number() over (
        partition by u.scope
        order by
            a.stage in ('新上线', '版本更新') and not a.assessed desc, n.position, a.form_id, a.row
    ) as place,
    n.unit_name,
    a.app_name,
    a.platform,
    a.version,
    a.stage,
    a.launched_on,
    a.assessed,
    a.interactive,
    a.real_name,
    a.stage in ('新上线', '版本更新') and not a.assessed as unassessed,
    coalesce(a.interactive and not a.real_name, false) as unregistered,
    a.mail,
    a.file,
    a.row,
from marts.app_launches as a
inner join core.units as n using (period, unit_code)
inner join core.scope_units as u using (period, unit_code)
where
    period = $period
    and a.counted
    and (
        (a.stage in ('新上线', '版本更新') and not a.assessed)
        or (a.interactive and not a.real_name)
    )
