-- How figures would change if the rows left out counted. Grain: one figure of one scope, where rows were left out.
-- Values that could not be read stay unknown, so the second figure is what can be said of those rows.
with incidents as (
    select
        i.period,
        i.unit_code,
        i.counted,
        -- As in the summary those whose number the unit had not counted before.
        i.is_reported_late
        and coalesce(bool_or(n.first_form_id = i.form_id and n.first_row = i.row), not i.counted) as is_late_and_new,
    from marts.incidents as i
    left join sixth.marts.incident_register as n
        on list_contains($months, n.period) and n.unit_code = i.unit_code and n.incident_no = i.incident_no
    where i.period = $period
    group by i.period, i.unit_code, i.form_id, i.row, i.counted, i.is_reported_late
),
figures as (
    select
        period,
        unit_code,
        counted,
        unnest([
            {'figure': 'exposed_assets.rows_counted', 'n': 1},
            {'figure': 'exposed_assets.without_protection', 'n': cast(is_unprotected as int)},
            {'figure': 'exposed_assets.without_three_sync', 'n': cast(coalesce(not three_sync, false) as int)},
            {'figure': 'exposed_assets.with_high_risk_port', 'n': cast(has_high_risk_port as int)},
            {'figure': 'exposed_assets.high_vulns', 'n': coalesce(high_vulns, 0)},
        ]) as f,
    from marts.exposed_assets
    where period = $period
    union all
    select
        period,
        unit_code,
        counted,
        unnest([
            {'figure': 'app_launches.rows_counted', 'n': 1},
            {
                'figure': 'app_launches.launched_without_assessment',
                'n': cast(coalesce(stage in ('新上线', '版本更新') and not assessed, false) as int)
            },
        ]),
    from marts.app_launches
    where period = $period
    union all
    select
        period,
        unit_code,
        counted,
        unnest([
            {'figure': 'self_check.rows_counted', 'n': 1},
            {'figure': 'self_check.by_result.符合', 'n': cast(coalesce(result = '符合', false) as int)},
            {'figure': 'self_check.by_result.部分符合', 'n': cast(coalesce(result = '部分符合', false) as int)},
            {'figure': 'self_check.by_result.不符合', 'n': cast(coalesce(result = '不符合', false) as int)},
        ]),
    from marts.self_check
    where period = $period
    union all
    select period, unit_code, counted, {'figure': 'rectification.rows_counted', 'n': 1},
    from marts.rectification
    where period = $period
    union all
    select
        period,
        unit_code,
        counted,
        unnest([
            {'figure': 'incidents.rows_counted', 'n': 1},
            {'figure': 'incidents.reported_late', 'n': cast(is_late_and_new as int)},
        ]),
    from incidents
),
summed as (
    select
        u.scope,
        f.figure as figure,
        coalesce(sum(f.n) filter (where counted), 0) as now,
        sum(f.n) as if_counted,
    from figures
    inner join core.scope_units as u using (period, unit_code)
    group by u.scope, f.figure
),
rates as (
    select
        scope,
        'self_check.pass_rate' as figure,
        round(
            100 * sum(now) filter (where figure = 'self_check.by_result.符合')
            / nullif(sum(now) filter (where figure like 'self_check.by_result.%'), 0) + 1e-9,
            2
        ) as now,
        round(
            100 * sum(if_counted) filter (where figure = 'self_check.by_result.符合')
            / nullif(sum(if_counted) filter (where figure like 'self_check.by_result.%'), 0) + 1e-9,
            2
        ) as if_counted,
    from summed
    group by scope
)
select
    scope,
    row_number() over (partition by scope order by figure) as place,
    figure,
    now,
    if_counted,
    round(if_counted - now, 2) as change,
from (
    select scope, figure, cast(now as double) as now, cast(if_counted as double) as if_counted from summed
    union all
    select * from rates
)
where if_counted is distinct from now
