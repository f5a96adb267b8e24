-- Rows received are those counted and those dropped with a finding: a row is left out for an open finding of a drop rule
-- alone, and every such finding leaves its row out. Asked of every sheet: $mart, $sheet.
-- A failing row: a row, or a finding on one, where the two disagree.
with dropping as (
    select distinct
        f.form_id,
        f.row,
    from core.findings as f
    inner join core.submissions as s using (period, form_id)
    where
        f.period = $period
        and s.status = 'effective'
        and f.sheet_key = $sheet
        and f.effect = 'drop'
        and f.status = 'open'
        and f.row > 0
),
left_out as (
    select
        form_id,
        row,
    from query_table($mart)
    where period = $period and counted is distinct from true
)
(from dropping except all from left_out)
union all
(from left_out except all from dropping)
