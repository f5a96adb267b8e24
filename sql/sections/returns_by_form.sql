-- The five numbers of a required form, and of the whole return (form = return), over the months of the period: each unit
-- once for every month in which it was active. Grain: one form of one scope.
-- Reported: effective, of the whole return complete. On time: first accepted before the cut-off of its month, the unit's
-- own where it has one.
with cutoffs as (
    select
        unnest($months) as period,
        unnest($cutoffs) as cutoff,
),
accepted as (
    select
        period,
        unit_code,
        form,
        min(received_at) filter (where not returned) as first_accepted_at,
    from sixth.core.submissions
    where list_contains($months, period)
    group by period, unit_code, form
),
owed as (
    select
        f.unit_code,
        f.form,
        f.state in ('effective', 'nil') as is_reported,
        f.state in ('effective', 'nil') and a.first_accepted_at < coalesce(n.cutoff, c.cutoff) as is_on_time,
        f.state,
    from sixth.marts.unit_forms as f
    inner join core.required_forms using (form)
    inner join cutoffs as c using (period)
    inner join sixth.core.units as n using (period, unit_code)
    left join accepted as a using (period, unit_code, form)
    where list_contains($months, period)
    union all
    select
        unit_code,
        'return',
        state = 'complete',
        coalesce(on_time, false),
        state,
    from sixth.marts.unit_results
    where list_contains($months, period)
)
select
    u.scope,
    row_number() over (partition by u.scope order by o.form <> 'return', o.form) as place,
    o.form,
    count(*) as expected,
    count(*) filter (where is_reported) as reported,
    count(*) filter (where is_on_time) as reported_on_time,
    round(100 * count(*) filter (where is_reported) / count(*) + 1e-9, 2) as rate,
    round(100 * count(*) filter (where is_on_time) / count(*) + 1e-9, 2) as rate_on_time,
    case when o.form <> 'return' then count(*) filter (where o.state = 'nil') end as nil,
    count(*) filter (where o.state = 'returned') as returned,
    count(*) filter (where o.state = 'missing') as missing,
from owed as o
inner join core.scope_units as u
    on u.period = $period and u.unit_code = o.unit_code
group by u.scope, o.form
