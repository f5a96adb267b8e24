-- marts.unit_results of a span: what became of a unit in the months in which it was active. Grain: one reporting unit.
-- state: complete where every month is; missing where every month is; returned where no month is better; else incomplete.
-- on_time: complete and on time in every month; scan: the worst of its months; rows and findings: sums; problems and
-- key supervision: as in its last month; score and its parts: means of its months.
with months as (
    select
        *,
        list_position(['missing', 'unreadable', 'reused', 'unsealed', 'sealed'], scan) as signing,
    from sixth.marts.unit_results
    where list_contains($months, period)
)
select
    $period as period,
    m.unit_code,
    any_value(u.unit_name) as unit_name,
    any_value(u.parent_code) as parent_code,
    any_value(u.position) as position,
    case
        when bool_and(m.state = 'complete') then 'complete'
        when bool_and(m.state = 'missing') then 'missing'
        when bool_and(m.state in ('missing', 'returned')) then 'returned'
        else 'incomplete'
    end as state,
    min(m.first_sent_at) as first_sent_at,
    max(m.rounds_returned) as rounds_returned,
    arg_min(m.scan, m.signing) as scan,
    cast(sum(m.rows_received) as bigint) as rows_received,
    cast(sum(m.rows_counted) as bigint) as rows_counted,
    cast(sum(m.errors) as bigint) as errors,
    cast(sum(m.warnings) as bigint) as warnings,
    arg_max(m.open_problems, m.period) as open_problems,
    arg_max(m.overdue_problems, m.period) as overdue_problems,
    arg_max(m.key_supervision, m.period) as key_supervision,
    cast(null as timestamp with time zone) as cutoff,
    case when bool_and(m.state = 'complete') then max(m.first_complete_at) end as first_complete_at,
    case when bool_and(m.state = 'complete') then bool_and(m.on_time) end as on_time,
    avg(m.score_timeliness) as score_timeliness,
    avg(m.score_data_quality) as score_data_quality,
    avg(m.score_self_check) as score_self_check,
    avg(m.score_rectification) as score_rectification,
    avg(m.score_indicators) as score_indicators,
    round(avg(m.score) + 1e-9, 2) as score,
from months as m
inner join core.units as u
    on u.period = $period and u.unit_code = m.unit_code
group by m.unit_code
