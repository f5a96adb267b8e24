-- Units that are not complete in every month of the period, and the worst that a month of each has: forms missing or
-- returned, the signed scan, and why. Grain: one unit of one scope.
-- reasons: the open rules that return a form or keep the unit from being complete.
with reasons as (
    select
        unit_code,
        string_agg(distinct rule_id, ';' order by rule_id) as reasons,
    from core.findings
    where period = $period and status = 'open' and effect in ('return', 'incomplete')
    group by unit_code
),
standing as (
    select
        unit_code,
        form,
        arg_min(state, list_position(['missing', 'returned', 'effective', 'nil', 'not_required'], state)) as state,
    from sixth.marts.unit_forms
    where list_contains($months, period) and (form in (select form from core.required_forms) or times_sent > 0)
    group by unit_code, form
),
forms as (
    select
        unit_code,
        max(state) filter (where form = 'annex2') as annex2,
        max(state) filter (where form = 'annex3') as annex3,
        coalesce(max(state) filter (where form = 'annex6'), 'not_required') as annex6,
    from standing
    group by unit_code
),
latest as (
    select
        unit_code,
        arg_max(mail, received_at) as mail,
        timezone($timezone, max(received_at)) as received_at,
    from core.submissions
    where period = $period
    group by unit_code
)
select
    u.scope,
    row_number() over (
        partition by u.scope
        order by case r.state when 'missing' then 0 when 'returned' then 1 else 2 end, r.position
    ) as place,
    r.unit_code,
    r.unit_name,
    r.state,
    f.annex2,
    f.annex3,
    f.annex6,
    case when r.state <> 'missing' then r.scan end as scan,
    s.reasons,
    l.received_at,
    l.mail,
from marts.unit_results as r
inner join core.scope_units as u using (period, unit_code)
inner join forms as f using (unit_code)
left join reasons as s using (unit_code)
left join latest as l using (unit_code)
where period = $period and r.state <> 'complete'
