-- How many rows of a sheet, $staging being its table, the month's rules were asked of: those of the forms that stand and
-- of the latest returned ones (rules on rows), and of the forms that stand alone (rules across months and units).
-- Grain: one row.
select
    count(*) as submitted,
    count(*) filter (where s.status = 'effective') as effective,
from query_table($staging) as r
inner join core.submissions as s using (form_id)
where s.period = $period and s.status in ('effective', 'returned')
