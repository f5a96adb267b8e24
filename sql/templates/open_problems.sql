-- The problems still open at the end of the month before, which a unit's blank form is sent out with.
-- Grain: one open problem of one unit.
select *
from marts.problems
where period = $previous and is_open
order by unit_code, found_on, issue_no
