-- How many forms of each kind stand for the month: rules on a unit's month as a whole are asked of them.
-- Grain: one kind of form of which one stands.
select
    form,
    count(*) as forms,
from core.submissions
where period = $period and status = 'effective'
group by form
