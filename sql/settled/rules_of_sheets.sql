-- The rules that rows of a sheet fail: cells and units, most cells first. Grain: one rule of one sheet.
select sheet_key, rule_id, any_value(effect) as effect, count(*) as cells, count(distinct unit_code) as units
from core.findings
where period = $period and sheet_key <> ''
group by sheet_key, rule_id
order by cells desc, rule_id
