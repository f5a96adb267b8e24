-- Rows received and counted of every scope in summary.json are those of its units in the mart. Asked of every sheet:
-- $mart, $sheet. A failing row: a scope of which one of the two is otherwise.
with rows_of_scopes as (
    select
        u.scope,
        count(r.form_id) as received,
        count(*) filter (where r.counted) as counted,
    from core.scope_units as u
    left join query_table($mart) as r using (period, unit_code)
    where u.period = $period
    group by u.scope
)
select
    s.scope,
    'the summary has other rows than the mart' as failure_reason,
from marts.summaries as s
left join rows_of_scopes as r using (scope)
where
    s.period = $period
    and json_exists(s.summary, '$.' || $sheet || '.rows_received')
    and (
        cast(json_value(s.summary, '$.' || $sheet || '.rows_received') as bigint) is distinct from coalesce(r.received, 0)
        or cast(json_value(s.summary, '$.' || $sheet || '.rows_counted') as bigint) is distinct from coalesce(r.counted, 0)
    )
