-- data/findings.csv. Grain: one finding that counts.
-- sheet_key, column_key, expected and cause say whose cell the value is and what the message is made of: they are gone
-- once personal data is masked (reports/publishing/tables.py).
select
    f.finding_id,
    f.period,
    f.unit_code,
    f.mail,
    f.form,
    f.file,
    f.sheet,
    f.cell,
    case when f.row > 0 then f.row end as row,
    f.column,
    f.rule_id,
    f.severity,
    f.effect,
    f.value,
    f.message,
    f.status,
    f.decided_by,
    f.reason,
    f.decision,
    f.decided_at,
    f.sheet_key,
    f.column_key,
    f.expected,
    f.cause,
from core.findings as f
left join core.units as u using (period, unit_code)
semi join (select unnest($units) as unit_code) as chosen using (unit_code)
where f.period = $period
order by u.position nulls last, f.mail, f.form, f.file, f.sheet_key, f.row, f.rule_id, f.column_key, f.finding_id
