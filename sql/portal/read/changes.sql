-- What a form changed in the one before it, in the order of its rows. Grain: one cell, or one row that is gone or new.
select sheet_key, row, what, key, column_key, was, now, total from changes where form_id = :form_id order by seq
