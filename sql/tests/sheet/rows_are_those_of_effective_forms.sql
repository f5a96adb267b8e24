-- Rows received are those of effective submissions, each once. Asked of every sheet: $mart, $staging.
-- A failing row: a row of an effective submission that the mart lacks, or one of the mart that no such submission has.
with received as (
    select
        form_id,
        r.row,
    from query_table($staging) as r
    inner join core.submissions as s using (form_id)
    where s.period = $period and s.status = 'effective'
),
held as (
    select
        form_id,
        row,
    from query_table($mart)
    where period = $period
)
(from received except all from held)
union all
(from held except all from received)
