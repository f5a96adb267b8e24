-- Score of every unit with its five parts, its rank in the scope and last month's. Grain: one unit of one scope.
with ranked as (
    select
        u.scope,
        r.period,
        r.unit_code,
        r.score,
        rank() over (partition by u.scope, r.period order by r.score desc) as rank,
    from marts.unit_results as r
    inner join core.scope_units as u using (period, unit_code)
    where r.period in ($period, $previous)
)
select
    k.scope,
    row_number() over (partition by k.scope order by k.rank, r.position) as place,
    k.rank,
    b.rank - k.rank as rank_change,
    r.unit_code,
    r.unit_name,
    r.state,
    r.score,
    r.score - b.score as score_change,
    round(r.score_timeliness + 1e-9, 2) as timeliness,
    round(r.score_data_quality + 1e-9, 2) as data_quality,
    round(r.score_self_check + 1e-9, 2) as self_check,
    round(r.score_rectification + 1e-9, 2) as rectification,
    round(r.score_indicators + 1e-9, 2) as indicators,
    r.key_supervision,
from ranked as k
inner join marts.unit_results as r
    on r.period = k.period and r.unit_code = k.unit_code
left join ranked as b
    on b.scope = k.scope and b.unit_code = k.unit_code and b.period = $previous
where k.period = $period
