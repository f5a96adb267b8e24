-- A few of the cells that fail each rule in the month, as entered; of what is absent, what that is. Grain: one finding; at most $examples of one rule in
-- one column of one sheet, those of the first units of the register.
select
    f.sheet_key,
    f.rule_id,
    f.column_key,
    f.column,
    f.unit_code,
    f.cell,
    coalesce(nullif(f.value, ''), case when f.row = 0 then f.expected end, '') as value,
    f.message,
from core.all_findings as f
left join core.units as u using (period, unit_code)
where f.period = $period and list_contains($rules, f.rule_id)
qualify
    row_number() over (
        partition by f.sheet_key, f.rule_id, f.column_key
        order by u.position nulls last, f.mail, f.form, f.file, f.row, f.finding_id
    ) <= $examples
order by f.sheet_key, f.rule_id, u.position nulls last, f.mail, f.form, f.file, f.row, f.finding_id
