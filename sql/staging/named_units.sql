-- The units that a parsed mail speaks for: those that its covers name, and the one that a steward gave it to.
-- Grain: one mail and one unit.
select
    mail,
    json_extract_string(cover, '$.unit_code.value') as unit_code,
from staging.forms
where unit_code is not null
union
select
    mail,
    unit_code,
from core.decisions
where kind = 'assign'
order by mail, unit_code
