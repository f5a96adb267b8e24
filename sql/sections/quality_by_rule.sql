-- Findings by rule, beside last month's; most first. Grain: one rule of one scope.
-- A held mail's finding belongs to the carrier's scope alone.
with found as (
    select
        coalesce(u.scope, $carrier) as scope,
        f.rule_id,
        f.severity,
        f.effect,
        count(*) filter (where f.period = $period and f.status = 'open') as open,
        count(*) filter (where f.period = $period and f.status = 'waived') as waived,
        count(distinct f.unit_code) filter (where f.period = $period and f.status = 'open' and f.unit_code <> '') as units,
        count(*) filter (where f.period = $previous and f.status = 'open') as before,
    from core.findings as f
    left join core.scope_units as u
        on u.period = f.period and u.unit_code = f.unit_code
    where f.period in ($period, $previous) and (u.scope is not null or f.unit_code = '')
    group by 1, f.rule_id, f.severity, f.effect
)
select
    scope,
    row_number() over (
        partition by scope
        order by case severity when 'critical' then 0 when 'error' then 1 else 2 end, open desc, rule_id
    ) as place,
    rule_id,
    severity,
    effect,
    open,
    waived,
    units,
    case when $previous in (select period from marts.summaries) then before end as before,
    case when $previous in (select period from marts.summaries) then open - before end as change,
from found
where open + waived > 0
