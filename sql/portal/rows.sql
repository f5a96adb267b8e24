-- Rows of a sheet that fail and those beside them, as they were entered: what a finding is drawn with. Grain: one row of one
-- form. The sheet's table and the columns with the texts of its cells are put in by snapshot.py.
with failing as (
    select distinct
        form_id,
        row,
    from core.all_findings
    where period = $period and sheet_key = $sheet and row > 0
),
beside as (
    select distinct
        form_id,
        row + near as row,
    from failing
    cross join (select unnest(range(-$beside, $beside + 1)) as near)
)
select
    r.form_id,
    r.row,
    /* r.<the text of every column of the sheet> */
from staging.sheet as r
semi join beside
    on beside.form_id = r.form_id and beside.row = r.row
order by r.form_id, r.row
