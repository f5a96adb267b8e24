-- Rows of a sheet as they were entered, from one row to another. Grain: one row.
select row, cells from rows where form_id = :form_id and sheet_key = :sheet_key and row between :first and :last order by row
