-- The agreements on a unit's register at the end of the month before, whole, as the row that last reported each has them.
-- Grain: one agreement of one unit.
select a.*
from marts.agreement_register as g
inner join marts.agreements as a
    on
        a.period = g.reported_in
        and a.unit_code = g.unit_code
        and a.mail = g.mail
        and a.file = g.file
        and a.row = g.row
        and a.agreement_no = g.agreement_no
where g.period = $previous
order by g.unit_code, g.expires_on, g.agreement_no
