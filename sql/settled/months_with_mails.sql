-- The months that mails are about: in whose window one came, or which a cover names (those that say 零报告 aside:
-- mails_saying_nil.sql). Grain: one month.
select strftime(cast(timezone($timezone, received_at) as date) - to_months(1), '%Y-%m') as period
from core.mail_periods
union
select f.period
from staging.forms as f
semi join core.mail_periods using (mail)
where f.period is not null
