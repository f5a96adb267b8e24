-- Every share in summary.json is that of the counts beside it (outputs.md, pass_rate). A failing row: one that is not.
with objects as (
    select
        s.scope,
        f.fullkey,
        f.value as object,
    from marts.summaries as s, json_tree(s.summary) as f
    where s.period = $period and f.type = 'OBJECT'
),
shares as (
    select
        scope,
        fullkey,
        cast(object ->> 'pass_rate' as double) as told,
        coalesce(cast(object ->> '$.by_result.符合' as double), 0) as numerator,
        coalesce(cast(object ->> '$.by_result.符合' as double), 0)
        + coalesce(cast(object ->> '$.by_result.部分符合' as double), 0)
        + coalesce(cast(object ->> '$.by_result.不符合' as double), 0) as denominator,
    from objects
    where json_exists(object, 'pass_rate')
    union all
    select
        scope,
        fullkey,
        cast(object ->> 'rate' as double) as told,
        cast(object ->> 'numerator' as double) as numerator,
        cast(object ->> 'denominator' as double) as denominator,
    from objects
    where json_exists(object, 'rate')
)
select
    scope,
    fullkey,
    'the share is not that of its counts' as failure_reason,
from shares
where
    (told is null) is distinct from (denominator = 0)
    or abs(told - 100 * numerator / nullif(denominator, 0)) > 0.0051
