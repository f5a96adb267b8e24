-- Forms by state. Grain: one form of one scope. effective includes nil.
select
    u.scope,
    f.form,
    count(*) as expected,
    count(*) filter (where state in ('effective', 'nil')) as effective,
    count(*) filter (where state = 'nil') as nil,
    count(*) filter (where state = 'returned') as returned,
    count(*) filter (where state = 'missing') as missing,
from marts.unit_forms as f
inner join core.scope_units as u using (period, unit_code)
where period = $period
group by u.scope, f.form
