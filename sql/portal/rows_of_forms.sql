-- The rows of a sheet of some forms, as they were read and as text: what two submissions are held against each other by. Grain:
-- one row of one form. The sheet's table and its columns are put in by differences.py.
select
    r.form_id,
    r.row,
    /* r.<every column of the sheet, as it was read and as text> */
from staging.sheet as r
semi join (select unnest($forms) as form_id) as chosen
    on chosen.form_id = r.form_id
order by r.form_id, r.row
