-- The five numbers of a required form, and of the whole return (form = return). Grain: one form of one scope.
-- Reported: effective, of the whole return complete. On time: first accepted before the cut-off.
with accepted as (
    select
        unit_code,
        form,
        min(received_at) filter (where not returned) as first_accepted_at,
    from core.submissions
    where period = $period
    group by unit_code, form
),
forms as (
    select
        u.scope,
        f.form,
        count(*) as expected,
        count(*) filter (where f.state in ('effective', 'nil')) as reported,
        count(*) filter (where f.state in ('effective', 'nil') and a.first_accepted_at < $cutoff) as reported_on_time,
        count(*) filter (where f.state = 'nil') as nil,
        count(*) filter (where f.state = 'returned') as returned,
        count(*) filter (where f.state = 'missing') as missing,
    from marts.unit_forms as f
    inner join core.scope_units as u using (period, unit_code)
    inner join core.required_forms using (form)
    left join accepted as a using (unit_code, form)
    where period = $period
    group by u.scope, f.form
),
whole as (
    select
        u.scope,
        'return' as form,
        count(*) as expected,
        count(*) filter (where state = 'complete') as reported,
        count(*) filter (where on_time) as reported_on_time,
        cast(null as bigint) as nil,
        count(*) filter (where state = 'returned') as returned,
        count(*) filter (where state = 'missing') as missing,
    from marts.unit_results
    inner join core.scope_units as u using (period, unit_code)
    where period = $period
    group by u.scope
)
select
    scope,
    row_number() over (partition by scope order by form <> 'return', form) as place,
    form,
    expected,
    reported,
    reported_on_time,
    round(100 * reported / expected + 1e-9, 2) as rate,
    round(100 * reported_on_time / expected + 1e-9, 2) as rate_on_time,
    nil,
    returned,
    missing,
from (
    select * from whole
    union all by name
    select * from forms
)
