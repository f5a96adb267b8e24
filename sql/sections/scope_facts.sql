-- Figures that sentences speak of and the summary does not have. Grain: one scope.
with results as (
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
from results as r
left join problems as p using (scope)
