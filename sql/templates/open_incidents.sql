-- Incidents that were not resolved at the end of the month before, whole, as the row that last spoke of each has them; a
-- unit's blank form is sent out with them (INC-05). Grain: one incident of one unit.
select i.*
from marts.incident_register as g
inner join marts.incidents as i
    on
        i.period = g.reported_in
        and i.unit_code = g.unit_code
        and i.mail = g.mail
        and i.file = g.file
        and i.row = g.row
        and i.incident_no = g.incident_no
where g.period = $previous and g.is_open
order by g.unit_code, g.occurred_at, g.incident_no
