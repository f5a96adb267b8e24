-- Mails received for $months, each once; held where it is in every month that it concerns. Grain: one row.
select
    count(*) as received,
    count(*) filter (where held) as held,
    coalesce(sum(copies), 0) as duplicates,
from (
    select
        mail,
        bool_and(held) as held,
        max(copies) as copies,
    from core.mails
    where list_contains($months, period)
    group by mail
)
