-- Every unit in the order of the register, with what became of it. Grain: one unit of one scope.
with forms as (
    select
        unit_code,
        max(state) filter (where form = 'annex2') as annex2,
        max(state) filter (where form = 'annex3') as annex3,
        max(state) filter (where form = 'annex6') as annex6,
    from marts.unit_forms
    where period = $period
    group by unit_code
)
select
    u.scope,
    row_number() over (partition by u.scope order by r.position) as place,
    r.unit_code,
    r.unit_name,
    case when r.on_time then 'complete_on_time' when r.state = 'complete' then 'complete_late' else r.state end as state,
    timezone($timezone, r.first_complete_at) as first_complete_at,
    f.annex2,
    f.annex3,
    f.annex6,
    r.scan,
    r.rows_received,
    r.rows_counted,
    r.errors,
    r.warnings,
    r.score,
    rank() over (partition by u.scope order by r.score desc) as rank,
    r.key_supervision,
from marts.unit_results as r
inner join core.scope_units as u using (period, unit_code)
inner join forms as f using (unit_code)
where period = $period
