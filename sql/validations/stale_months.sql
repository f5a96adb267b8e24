-- Settled months that were not validated, or of which something has changed since; a month without any mail is not on
-- record. Grain: one month.
select s.period
from core.settled as s
semi join core.mails as m using (period)
anti join core.validations as v using (period, fingerprint)
order by s.period
