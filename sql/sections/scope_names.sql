-- Names of units by what became of them, for sentences: the first 25 of each in the order of the register; and, where
-- they are too many to be named, of the nodes above them, those with the most first.
-- Grain: one state of one scope; late: complete, and not on time. nodes: how many nodes above them there are.
with named as (
    select
        u.scope,
        case when r.state = 'complete' then 'late' else r.state end as state,
        r.unit_name,
        r.parent_code,
        r.position,
    from marts.unit_results as r
    inner join core.scope_units as u using (period, unit_code)
    where r.period = $period and (r.state <> 'complete' or not r.on_time)
),
nodes as (
    select
        m.scope,
        m.state,
        n.unit_name,
        n.position,
        count(*) as units,
    from named as m
    inner join core.units as n
        on n.period = $period and n.unit_code = m.parent_code
    group by m.scope, m.state, n.unit_name, n.position
),
worst as (
    select
        scope,
        state,
        count(*) as nodes,
        list({'name': unit_name, 'units': units} order by units desc, position)[1:5] as most,
    from nodes
    group by scope, state
)
select
    m.scope,
    m.state,
    list(m.unit_name order by m.position)[1:25] as names,
    any_value(w.nodes) as nodes,
    any_value(w.most) as most,
from named as m
inner join worst as w using (scope, state)
group by m.scope, m.state
