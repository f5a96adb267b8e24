-- 安全事件 of effective submissions, with the place each came from. Grain: one row of one effective submission.
-- counted: no open finding of a drop rule touches the row; dropped_by: the rules of those that do.
-- Rows of units that stand (core.standing_units) are not among them: the table has them.
select
    s.period,
    s.unit_code,
    s.mail,
    s.file,
    r.*,
    list_contains(coalesce(f.flags, []), 'INC-03') as is_reported_late,
    date_diff('second', r.occurred_at, r.reported_at) / 60.0 as minutes_to_report,
    date_diff('second', r.occurred_at, r.responded_at) / 60.0 as minutes_to_respond,
    d.rules is null as counted,
    d.rules as dropped_by,
from staging.incidents as r
inner join core.submissions as s using (form_id)
left join dropped as d
    on d.form_id = r.form_id and d.sheet = 'incidents' and d.row = r.row
left join flagged as f
    on f.form_id = r.form_id and f.sheet = 'incidents' and f.row = r.row
anti join core.standing_units as t on t.period = s.period and t.unit_code = s.unit_code
where s.period = $period and s.status = 'effective'
