-- A sheet of one form: its title, how many rows it has, its columns as written. Grain: one sheet.
select * from sheets where form_id = :form_id and sheet_key = :sheet_key
