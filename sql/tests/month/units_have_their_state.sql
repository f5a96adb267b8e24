-- What became of a unit follows from its forms and open findings (system.md, What becomes of a unit), and is said of
-- every reporting unit. A failing row: a unit of which something else is said.
with forms as (
    select
        unit_code,
        bool_or(state in ('effective', 'nil')) as has_effective,
        bool_or(times_sent > 0) as has_sent,
        bool_or(state in ('missing', 'returned')) as lacks_one,
    from marts.unit_forms
    where period = $period
    group by unit_code
),
findings as (
    select
        unit_code,
        count(*) filter (where severity in ('critical', 'error')) as errors,
        count(*) filter (where severity = 'warning') as warnings,
        bool_or(effect = 'incomplete') as is_held_up,
    from core.findings
    where period = $period and status = 'open'
    group by unit_code
),
told as (
    select
        u.unit_code,
        case
            when not f.has_sent then 'missing'
            when not f.has_effective then 'returned'
            when f.lacks_one or coalesce(o.is_held_up, false) then 'incomplete'
            else 'complete'
        end as state,
        coalesce(o.errors, 0) as errors,
        coalesce(o.warnings, 0) as warnings,
    from core.units as u
    left join forms as f using (unit_code)
    left join findings as o using (unit_code)
    where u.period = $period and u.level = 'unit'
)
select
    unit_code,
    'the unit is said to be what its forms and findings do not make it' as failure_reason,
from told as t
full join (from marts.unit_results where period = $period) as r using (unit_code)
where
    r.state is distinct from t.state
    or r.errors is distinct from t.errors
    or r.warnings is distinct from t.warnings
    or (r.state = 'complete') is distinct from (r.on_time is not null)
    or (r.state = 'complete') is distinct from (r.first_complete_at is not null)
