-- Forms by state, each unit once for the months in which it was in the scope: the best of them (as
-- sql/spans/unit_forms.sql). Grain: one form of one scope. effective includes nil.
with of_units as (
    select
        u.scope,
        f.unit_code,
        f.form,
        min(list_position(['effective', 'nil', 'returned', 'missing', 'not_required'], f.state)) as best,
    from marts.unit_forms as f
    inner join core.scope_units as u using (period, unit_code)
    where list_contains($months, period)
    group by u.scope, f.unit_code, f.form
)
select
    scope,
    form,
    count(*) as expected,
    count(*) filter (where best <= 2) as effective,
    count(*) filter (where best = 2) as nil,
    count(*) filter (where best = 3) as returned,
    count(*) filter (where best = 4) as missing,
from of_units
group by scope, form
