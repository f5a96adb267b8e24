-- core.mails of a span: every mail that concerns a month of it, once. Grain: one mail.
-- held: in every month that it concerns.
select
    $period as period,
    mail,
    min(received_at) as received_at,
    arg_max(unit_code, period) as unit_code,
    bool_and(held) as held,
    max(copies) as copies,
from sixth.core.mails
where list_contains($months, period)
group by mail
