-- Every count of a scope in summary.json is the sum of the scopes below it. Where units stand directly below it too, and
-- of findings, mails and decisions, which a scope has of its own, it is not less. A failing row: a count that is not.
with leaves as (
    select
        s.scope,
        f.fullkey as figure,
        cast(f.value as double) as value,
    from marts.summaries as s, json_tree(s.summary) as f
    where
        s.period = $period
        and f.type in ('BIGINT', 'UBIGINT', 'DOUBLE')
        and f.key not in ('rate', 'pass_rate', 'answered_rate', 'median_minutes_to_report')
),
parents as (
    select
        u.parent_code as scope,
        bool_and(u.level <> 'unit') as has_scopes_alone,
    from core.units as u
    where u.period = $period and u.parent_code <> ''
    group by u.parent_code
    having bool_or(u.level <> 'unit')
),
sums as (
    select
        p.scope,
        l.figure,
        sum(l.value) as below,
    from parents as p
    inner join core.units as u
        on u.period = $period and u.parent_code = p.scope and u.level <> 'unit'
    inner join leaves as l
        on l.scope = u.unit_code
    group by p.scope, l.figure
),
own as (
    select
        l.*,
        p.has_scopes_alone and not regexp_matches(l.figure, '^\$\.(findings|mails|decisions)\.') as is_sum,
    from leaves as l
    inner join parents as p using (scope)
)
select
    scope,
    figure,
    value,
    below,
    'the scopes below do not add up to it' as failure_reason,
from own
full join sums using (scope, figure)
where if(coalesce(is_sum, true), coalesce(value, 0) <> coalesce(below, 0), coalesce(value, 0) < coalesce(below, 0))
