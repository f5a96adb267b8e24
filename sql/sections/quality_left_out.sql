-- Rows left out, by sheet and rule. Grain: one rule of one sheet of one scope; a row may fail several rules.
with rows as (
    select period, unit_code, 'exposed_assets' as sheet, form_id, row, dropped_by from marts.exposed_assets where not counted
    union all
    select period, unit_code, 'app_launches', form_id, row, dropped_by from marts.app_launches where not counted
    union all
    select period, unit_code, 'self_check', form_id, row, dropped_by from marts.self_check where not counted
    union all
    select period, unit_code, 'rectification', form_id, row, dropped_by from marts.rectification where not counted
    union all
    select period, unit_code, 'incidents', form_id, row, dropped_by from marts.incidents where not counted
    union all
    select period, unit_code, 'indicators', form_id, row, dropped_by from marts.indicators where not counted
    union all
    select period, unit_code, 'agreements', form_id, row, dropped_by from marts.agreements where not counted
),
failed as (
    select
        period,
        unit_code,
        sheet,
        form_id,
        row,
        unnest(dropped_by) as rule_id,
    from rows
    where period = $period
)
select
    u.scope,
    row_number() over (partition by u.scope order by count(*) desc, sheet, rule_id) as place,
    sheet,
    rule_id,
    count(*) as rows,
    count(distinct unit_code) as units,
from failed
inner join core.scope_units as u using (period, unit_code)
group by u.scope, sheet, rule_id
