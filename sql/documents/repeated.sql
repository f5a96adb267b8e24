-- Faults that the same unit had last month as well, by rule, the most widespread first. Grain: one rule.
with faults as (
    select distinct
        period,
        unit_code,
        rule_id,
    from core.findings
    semi join (select unnest($units) as unit_code) as chosen using (unit_code)
    where period in ($period, $previous) and status = 'open' and severity in ('critical', 'error')
)
select
    f.rule_id,
    count(*) as units,
    list(n.unit_name order by n.position) as names,
from faults as f
inner join faults as b
    on b.unit_code = f.unit_code and b.rule_id = f.rule_id and b.period = $previous
inner join core.units as n
    on n.period = f.period and n.unit_code = f.unit_code
where f.period = $period
group by f.rule_id
order by units desc, f.rule_id
