-- What counted of annexes 3 that others have replaced since: by it is known when the month was first complete
-- (marts/unit_completion). Grain: one annex 3 that was replaced and not returned, of a unit that does not stand.
-- `wanted` names the forms of which the rules were just asked (assets/month/findings/checking.py).
with dropped as (
    select distinct
        f.form_id,
        f.sheet,
        f.row,
    from core.form_failures as f
    inner join wanted as w using (form_id, context)
    inner join core.rules as r using (rule_id)
    where w.status = 'replaced' and r.effect = 'drop'
),
counted as (
    select
        form_id,
        'self_check' as sheet,
        row,
    from staging.self_check
    union all
    select
        form_id,
        'indicators',
        row,
    from staging.indicators
),
left_over as (
    select
        form_id,
        count(*) filter (where sheet = 'self_check') as items_answered,
        count(*) filter (where sheet = 'indicators') as indicators_reported,
    from counted
    semi join (select form_id from wanted where status = 'replaced') as w using (form_id)
    anti join dropped as d using (form_id, sheet, row)
    group by form_id
)
select
    $period as period,
    w.unit_code,
    w.form_id,
    coalesce(l.items_answered, 0) as items_answered,
    coalesce(l.indicators_reported, 0) as indicators_reported,
from wanted as w
left join left_over as l using (form_id)
where w.status = 'replaced'
