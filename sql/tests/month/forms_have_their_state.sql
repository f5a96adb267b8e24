-- Every form that a reporting unit owes or sent has the state that its submissions give it. A failing row: one that has
-- another, or none.
with sent as (
    select
        unit_code,
        form,
        count(*) as times_sent,
        bool_or(status = 'effective') as is_effective,
        bool_or(status = 'effective' and nil) as is_nil,
    from core.submissions
    where period = $period
    group by unit_code, form
),
owed as (
    select
        u.unit_code,
        f.form,
        coalesce(s.times_sent, 0) as times_sent,
        case
            when s.is_nil then 'nil'
            when s.is_effective then 'effective'
            when s.times_sent > 0 then 'returned'
            when f.required then 'missing'
            else 'not_required'
        end as state,
    from core.units as u
    cross join core.forms as f
    left join sent as s using (unit_code, form)
    where u.period = $period and u.level = 'unit'
),
found as (
    select unit_code, form, times_sent, state
    from marts.unit_forms
    where period = $period
)
(from owed except all from found)
union all
(from found except all from owed)
