-- Of how many rows the rules of a table made for them ($rules_table, in the temporary table asked) were asked.
-- Grain: one unit.
select
    $period as period,
    $rules_table as rules_table,
    unit_code,
    count(*) as rows,
from asked
group by unit_code
