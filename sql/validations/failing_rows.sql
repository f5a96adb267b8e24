-- How many rows fail each rule in the month, whatever was decided about them, and of how many a steward has waived that
-- they do. What is absent has no row, and each of it counts. Grain: one rule in one sheet, of all columns (column_key is null) and of each column that its findings name.
select
    sheet_key,
    rule_id,
    column_key,
    count(distinct (form_id, row, case when row > 0 then '' else finding_id end)) as failed,
    count(distinct (form_id, row, case when row > 0 then '' else finding_id end)) filter (where status = 'waived') as waived,
from core.all_findings
where period = $period
group by grouping sets ((sheet_key, rule_id), (sheet_key, rule_id, column_key))
