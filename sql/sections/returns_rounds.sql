-- How often a form had to be sent until it was accepted, over the months of the period: each unit once for every month
-- in which it sent it. Grain: one form of one scope.
-- Rounds: versions returned before the first one accepted. Held mails are nobody's form.
with first_accepted as (
    select
        period,
        unit_code,
        form,
        min(received_at) filter (where not returned) as first_accepted_at,
    from sixth.core.submissions
    where list_contains($months, period)
    group by period, unit_code, form
),
rounds as (
    select
        s.unit_code,
        s.form,
        a.first_accepted_at is not null as is_accepted,
        count(*) filter (where s.returned and s.received_at < coalesce(a.first_accepted_at, 'infinity'::timestamptz))
            as returned_before,
    from sixth.core.submissions as s
    inner join first_accepted as a using (period, unit_code, form)
    group by s.period, s.unit_code, s.form, a.first_accepted_at
)
select
    u.scope,
    row_number() over (partition by u.scope order by r.form) as place,
    r.form,
    count(*) as sent,
    count(*) filter (where is_accepted and returned_before = 0) as first_try,
    count(*) filter (where is_accepted and returned_before = 1) as second_try,
    count(*) filter (where is_accepted and returned_before > 1) as later_try,
    count(*) filter (where not is_accepted) as not_accepted,
    round(100 * count(*) filter (where is_accepted and returned_before = 0) / count(*) + 1e-9, 2) as first_try_rate,
from rounds as r
inner join core.scope_units as u
    on u.period = $period and u.unit_code = r.unit_code
group by u.scope, r.form
