-- What became of each form of each unit. Grain: one form of one unit.
select
    unit_code,
    form,
    state,
from marts.unit_forms
where period = $period
