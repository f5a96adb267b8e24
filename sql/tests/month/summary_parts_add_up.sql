-- Within a scope's summary.json, parts add up to their whole: units by state and forms by state to those expected, rows
-- by code to those counted, open problems and answers likewise, findings by rule to those by severity.
-- A failing row: a whole that is not its parts.
with figures as (
    select
        s.scope,
        f.path,
        f.key,
        cast(f.value as double) as value,
    from marts.summaries as s, json_tree(s.summary) as f
    where s.period = $period and f.type in ('BIGINT', 'UBIGINT', 'DOUBLE')
),
wholes as (
    select
        scope,
        path,
        key,
        value,
        case
            when path = '$.units' and key = 'expected' then '$.units'
            when path like '$.forms.%' and key = 'expected' then path
            when path = '$.rectification' and key = 'open' then '$.rectification.open_by_severity'
            when path like '$.self_check%' and key = 'rows_counted' then path || '.by_result'
        end as of,
    from figures
),
parts as (
    select
        w.scope,
        w.of,
        any_value(w.value) as whole,
        coalesce(sum(f.value), 0) as parts,
    from wholes as w
    left join figures as f
        on f.scope = w.scope and f.path = w.of and f.key not in ('expected', 'nil')
    where w.of is not null
    group by w.scope, w.of
),
found as (
    select
        scope,
        sum(value) filter (where path = '$.findings' and key in ('critical', 'error', 'warning')) as by_severity,
        coalesce(sum(value) filter (where path = '$.findings.by_rule'), 0) as by_rule,
    from figures
    group by scope
)
select
    scope,
    of,
    'parts do not add up to their whole' as failure_reason,
from parts
where whole <> parts
union all
select
    scope,
    '$.findings' as of,
    'findings by rule are not those by severity' as failure_reason,
from found
where by_severity is distinct from by_rule
