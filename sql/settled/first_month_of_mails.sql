-- The first month from $first on that any mail is about: by the window in which it came, or by a form in it. Grain: one row; null where there is none.
with about as (
    select strftime(cast(timezone($timezone, p.received_at) as date) - to_months(1), '%Y-%m') as period
    from core.mail_periods as p
    union all
    select f.period
    from staging.forms as f
    semi join core.mail_periods using (mail)
)

select min(period) as period
from about
where period >= $first
