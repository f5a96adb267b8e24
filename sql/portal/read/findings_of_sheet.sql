-- The findings on the cells and rows of a sheet of one form. Grain: one finding.
select * from findings where form_id = :form_id and sheet_key = :sheet_key and row between :first and :last order by seq
