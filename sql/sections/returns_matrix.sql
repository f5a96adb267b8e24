-- The state of every unit in each of the last 12 months, or of the months of a half-year or year. Grain: one unit of one
-- scope. states: one a month, in order; empty where the unit was not active; late+2 where it was complete on the second
-- day after the cut-off. Where there are more units than are shown, those whose months were worst come first.
with months as (
    select
        unnest($recent) as period,
        unnest($recent_cutoffs) as cutoff,
),
states as (
    select
        c.unit_code,
        c.unit_name,
        c.position,
        m.period,
        case
            when r.state is null then ''
            when r.state <> 'complete' then r.state
            when r.on_time then 'on_time'
            else 'late+' || (1 + (epoch_us(r.first_complete_at) - epoch_us(coalesce(r.cutoff, m.cutoff))) // 86_400_000_000)
        end as state,
    from core.units as c
    cross join months as m
    left join sixth.marts.unit_results as r
        on r.period = m.period and r.unit_code = c.unit_code
    where c.period = $period and c.level = 'unit'
),
units as (
    select
        unit_code,
        unit_name,
        position,
        string_agg(state, ',' order by period) as states,
        string_agg(period, ',' order by period) as periods,
        arg_max(state, period) as latest,
        count(*) filter (where state not in ('on_time', '')) as exceptions,
    from states
    group by unit_code, unit_name, position
)
select
    u.scope,
    case
        when count(*) over (partition by u.scope) > $shown
            then row_number() over (partition by u.scope order by latest <> 'on_time' desc, exceptions desc, position)
        else row_number() over (partition by u.scope order by position)
    end as place,
    n.unit_code,
    n.unit_name,
    n.states,
    n.periods,
from units as n
inner join core.scope_units as u
    on u.period = $period and u.unit_code = n.unit_code
