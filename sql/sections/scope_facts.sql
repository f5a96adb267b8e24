-- Figures that sentences speak of and the summary does not have. Grain: one scope.
-- top_scores, last_scores: units that share the highest score, and the lowest.
with scores as (
    select
        u.scope,
        r.score,
        max(r.score) over (partition by u.scope) as highest,
        min(r.score) over (partition by u.scope) as lowest,
    from marts.unit_results as r
    inner join core.scope_units as u using (period, unit_code)
    where period = $period
),
extremes as (
    select
        scope,
        count(*) filter (where score = highest) as top_scores,
        count(*) filter (where score = lowest) as last_scores,
    from scores
    group by scope
),
results as (
    select
        u.scope,
        count(*) filter (where score = 0) as zero_scores,
        count(*) filter (where key_supervision) as supervised,
        round(avg(score) + 1e-9, 2) as mean_score,
        sum(rows_received) as received,
        sum(rows_counted) as counted,
    from marts.unit_results
    inner join core.scope_units as u using (period, unit_code)
    where period = $period
    group by u.scope
),
problems as (
    select
        u.scope,
        count(*) filter (where is_overdue and severity = '高') as high_overdue,
    from marts.problems
    inner join core.scope_units as u using (period, unit_code)
    where period = $period
    group by u.scope
)
select
    r.* replace (cast(received as bigint) as received, cast(counted as bigint) as counted),
    coalesce(p.high_overdue, 0) as high_overdue,
    e.top_scores,
    e.last_scores,
from results as r
inner join extremes as e using (scope)
left join problems as p using (scope)
