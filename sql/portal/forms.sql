-- What each unit sent for the month and what became of it. Grain: one form of one unit in one mail.
select
    s.unit_code,
    s.form_id,
    s.form,
    s.file,
    s.mail,
    s.received_at,
    s.status,
    s.tables,
    lag(s.form_id) over (partition by s.unit_code, s.form order by s.received_at, s.mail, s.number) as before_id,
    (
        select string_agg(distinct f.rule_id, ',' order by f.rule_id)
        from core.plain_findings as f
        inner join core.rules as r using (rule_id)
        where f.period = s.period and f.form_id = s.form_id and r.effect = 'return'
    ) as returned_by,
from core.submissions as s
where s.period = $period
order by s.unit_code, s.received_at, s.mail, s.number
