-- What a month still fails, the worst first. Grain: one open finding that counts.
select
    f.unit_code,
    f.file,
    f.sheet_key,
    f.sheet,
    f.cell,
    f.column_key,
    f.rule_id,
    f.severity,
    f.effect,
    f.message,
from core.findings as f
left join core.units as u using (period, unit_code)
where f.period = $period and f.status = 'open'
order by
    list_position(['critical', 'error', 'warning'], f.severity), u.position nulls first, f.file, f.sheet_key, f.row,
    f.rule_id, f.finding_id
