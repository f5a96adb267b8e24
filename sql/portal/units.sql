-- What became of each unit in the month, with the parts of its score. Grain: one reporting unit.
select
    r.unit_code,
    r.state,
    r.on_time,
    r.first_complete_at,
    r.cutoff as own_cutoff,
    f.annex2,
    f.annex3,
    r.scan,
    r.rows_received,
    r.rows_counted,
    r.errors,
    r.warnings,
    r.score,
    rank() over (partition by r.parent_code order by r.score desc) as rank,
    count(*) over (partition by r.parent_code) as ranked,
    r.score_timeliness,
    r.score_data_quality,
    r.score_self_check,
    r.score_rectification,
    r.score_indicators,
from marts.unit_results as r
inner join (
    pivot (select period, unit_code, form, state from marts.unit_forms) on form in ('annex2', 'annex3') using any_value(state)
) as f using (period, unit_code)
where r.period = $period
order by r.position
