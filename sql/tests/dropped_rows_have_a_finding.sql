-- A row is left out for an open finding of a drop rule alone, and every such finding leaves its row out.
-- A failing row: a row whose finding and count disagree.
select
    f.form_id,
    f.sheet_key,
    f.row,
    'a drop finding on an effective form leaves no row out' as failure_reason,
from core.findings as f
inner join core.submissions as s using (period, form_id)
where
    f.period = $period
    and s.status = 'effective'
    and f.effect = 'drop'
    and f.status = 'open'
    and not exists (
        select 1 from (
            select form_id, 'exposed_assets' as sheet_key, row, counted from marts.exposed_assets where period = $period
            union all
            select form_id, 'app_launches', row, counted from marts.app_launches where period = $period
            union all
            select form_id, 'self_check', row, counted from marts.self_check where period = $period
            union all
            select form_id, 'rectification', row, counted from marts.rectification where period = $period
            union all
            select form_id, 'incidents', row, counted from marts.incidents where period = $period
            union all
            select form_id, 'indicators', row, counted from marts.indicators where period = $period
            union all
            select form_id, 'agreements', row, counted from marts.agreements where period = $period
        ) as r
        where r.form_id = f.form_id and r.sheet_key = f.sheet_key and r.row = f.row and not r.counted
    )
