-- What became of a unit in the month: state, times, rows, score. Grain: one reporting unit.
-- system.md, What becomes of a unit and Score. Parts are unrounded; score is kept to 2 decimals, half up.
with form_facts as (
    select
        unit_code,
        form,
        bool_or(status = 'effective') as is_effective,
        bool_or(status = 'effective' and nil) as is_nil,
        min(received_at) as first_sent_at,
        count(*) as times_sent,
        count(*) filter (where returned) as times_returned,
    from core.submissions
    where period = $period
    group by unit_code, form
),
forms as (
    select
        unit_code,
        count(*) as sent,
        count(*) filter (where is_effective) as effective,
        count(*) filter (where is_effective and form in (select form from core.required_forms)) as required_effective,
        bool_or(form not in (select form from core.required_forms) and not is_effective) as optional_returned,
        max(times_returned) as rounds_returned,
        min(first_sent_at) as first_sent_at,
    from form_facts
    group by unit_code
),
confirmed as (
    select distinct
        f.unit_code,
        f.mail,
    from core.findings as f
    inner join core.decisions as d
        on d.period = f.period and d.key = f.decision
    where f.period = $period and d.kind = 'confirm_seal'
),
scans as (
    select
        s.unit_code,
        min(list_position(['sealed', 'unsealed', 'reused', 'unreadable'], s.state)) as best,
        bool_or(c.mail is not null) as has_seal,
    from core.scans as s
    left join confirmed as c using (unit_code, mail)
    where s.period = $period
    group by s.unit_code
),
open_findings as (
    select
        unit_code,
        count(*) filter (where severity in ('critical', 'error')) as errors,
        count(*) filter (where severity = 'warning') as warnings,
        bool_or(effect = 'incomplete') as is_held_up,
    from core.findings
    where period = $period and status = 'open'
    group by unit_code
),
counts as (
    select
        unit_code,
        count(*) as rows_received,
        count(*) filter (where counted) as rows_counted,
    from (
        select unit_code, counted from marts.exposed_assets where period = $period
        union all
        select unit_code, counted from marts.app_launches where period = $period
        union all
        select unit_code, counted from marts.self_check where period = $period
        union all
        select unit_code, counted from marts.rectification where period = $period
        union all
        select unit_code, counted from marts.incidents where period = $period
        union all
        select unit_code, counted from marts.indicators where period = $period
        union all
        select unit_code, counted from marts.agreements where period = $period
    )
    group by unit_code
),
answers as (
    select
        u.unit_code,
        sum(i.weight) filter (where r.result is distinct from '不适用') as weight_asked,
        sum(i.weight * case r.result when '符合' then 1 when '部分符合' then 0.5 else 0 end) as weight_met,
    from core.units as u
    inner join core.profile_items as i using (profile)
    left join marts.self_check as r
        on r.period = u.period and r.unit_code = u.unit_code and r.item_code = i.item_code and r.counted
    where u.period = $period and u.level = 'unit'
    group by u.unit_code
),
problems as (
    select
        unit_code,
        count(*) filter (where is_open) as open_problems,
        count(*) filter (where is_overdue) as overdue_problems,
    from marts.problems
    where period = $period
    group by unit_code
),
reached as (
    select
        unit_code,
        count(*) filter (where denominator = 0 or 100.0 * numerator >= target * denominator) as ratios_reached,
    from marts.indicators
    where period = $period and counted and kind = 'ratio'
    group by unit_code
),
incidents as (
    -- 003, article 9: less than two years before the last day of the month, to the day.
    select distinct unit_code
    from marts.incidents
    where
        counted
        and level = '高'
        and period <= $period
        and cast(occurred_at as date) + interval 2 year > cast($month_end as date)
),
facts as (
    select
        u.period,
        u.unit_code,
        u.unit_name,
        u.parent_code,
        u.position,
        case
            when f.sent is null then 'missing'
            when f.effective = 0 then 'returned'
            when
                f.required_effective < (select count(*) from core.required_forms)
                or f.optional_returned
                or coalesce(o.is_held_up, false)
                then 'incomplete'
            else 'complete'
        end as state,
        m.first_complete_at as accepted_at,
        f.first_sent_at,
        coalesce(f.rounds_returned, 0) as rounds_returned,
        case
            when s.best = 2 and s.has_seal then 'sealed'
            else coalesce(['sealed', 'unsealed', 'reused', 'unreadable'][s.best], 'missing')
        end as scan,
        coalesce(c.rows_received, 0) as rows_received,
        coalesce(c.rows_counted, 0) as rows_counted,
        coalesce(o.errors, 0) as errors,
        coalesce(o.warnings, 0) as warnings,
        coalesce(a.weight_met / nullif(a.weight_asked, 0), 1.0) as self_check_share,
        coalesce(p.open_problems, 0) as open_problems,
        coalesce(p.overdue_problems, 0) as overdue_problems,
        coalesce(k.ratios_reached, 0) as ratios_reached,
        u.is_supervised or i.unit_code is not null as key_supervision,
        u.cutoff,
    from core.units as u
    left join forms as f using (unit_code)
    left join marts.unit_completion as m using (period, unit_code)
    left join scans as s using (unit_code)
    left join open_findings as o using (unit_code)
    left join counts as c using (unit_code)
    left join answers as a using (unit_code)
    left join problems as p using (unit_code)
    left join reached as k using (unit_code)
    left join incidents as i using (unit_code)
    where u.period = $period and u.level = 'unit'
),
timed as (
    select
        f.*,
        case when state = 'complete' then accepted_at end as first_complete_at,
        case when state = 'complete' then accepted_at < coalesce(cutoff, $cutoff) end as on_time,
    from facts as f
),
parts as (
    select
        t.*,
        w.timeliness * case
            when state = 'complete' and on_time then 1.0
            when state = 'complete' then 0.5
            when state = 'incomplete' then 0.25
            else 0.0
        end as score_timeliness,
        w.data_quality * case when rows_received = 0 then 1.0 else rows_counted / rows_received end
            as score_data_quality,
        w.self_check * self_check_share as score_self_check,
        w.rectification * case when open_problems = 0 then 1.0 else 1 - overdue_problems / open_problems end
            as score_rectification,
        w.indicators * ratios_reached / (select count(*) from core.indicators where kind = 'ratio')
            as score_indicators,
    from timed as t
    cross join core.score_weights as w
)
select
    p.* exclude (
        accepted_at, score_timeliness, score_data_quality, score_self_check, score_rectification, score_indicators
    ),
    -- A unit that is missing or returned scores 0 in every part.
    case when state in ('complete', 'incomplete') then score_timeliness else 0 end as score_timeliness,
    case when state in ('complete', 'incomplete') then score_data_quality else 0 end as score_data_quality,
    case when state in ('complete', 'incomplete') then score_self_check else 0 end as score_self_check,
    case when state in ('complete', 'incomplete') then score_rectification else 0 end as score_rectification,
    case when state in ('complete', 'incomplete') then score_indicators else 0 end as score_indicators,
    -- The epsilon keeps a half that binary fractions hold just below it from being rounded down.
    round(
        case
            when state in ('complete', 'incomplete')
                then
                    score_timeliness + score_data_quality + score_self_check + score_rectification
                    + score_indicators + 1e-9
            else 0
        end,
        2
    ) as score,
from parts as p
