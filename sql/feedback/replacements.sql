-- The forms that stand for the month and replaced an earlier one of their unit: the latest before that was not returned,
-- else the latest before. Grain: one form that stands.
select
    s.unit_code,
    s.form,
    s.form_id,
    e.form_id as earlier_form_id,
    e.received_at as earlier_at,
    e.file as earlier_file,
from core.submissions as s
inner join core.submissions as e
    on
        e.period = s.period
        and e.unit_code = s.unit_code
        and e.form = s.form
        and (e.received_at, e.mail, e.number) < (s.received_at, s.mail, s.number)
where s.period = $period and s.status = 'effective'
qualify
    row_number() over (
        partition by s.form_id order by e.returned, e.received_at desc, e.mail desc, e.number desc
    ) = 1
