-- 自查结果 of effective submissions, with the place each came from. Grain: one row of one effective submission.
-- counted: no open finding of a drop rule touches the row; dropped_by: the rules of those that do.
-- Rows of units that stand (core.standing_units) are not among them: the table has them.
select
    s.period,
    s.unit_code,
    s.mail,
    s.file,
    r.*,
    i.checklist,
    i.weight,
    d.rules is null as counted,
    d.rules as dropped_by,
from staging.self_check as r
inner join core.submissions as s using (form_id)
inner join core.units as u
    on u.period = s.period and u.unit_code = s.unit_code
left join core.profile_items as i
    on i.profile = u.profile and i.item_code = r.item_code
left join dropped as d
    on d.form_id = r.form_id and d.sheet = 'self_check' and d.row = r.row
anti join core.standing_units as t on t.period = s.period and t.unit_code = s.unit_code
where s.period = $period and s.status = 'effective'
