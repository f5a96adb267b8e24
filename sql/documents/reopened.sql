-- Problems closed that came back (REC-05) or were closed without effect (REC-06). Grain: one finding.
select
    n.unit_name,
from core.findings as f
inner join core.units as n using (period, unit_code)
inner join marts.rectification as r
    on r.period = f.period and r.form_id = f.form_id and r.row = f.row
semi join (select unnest($units) as unit_code) as chosen using (unit_code)
where f.period = $period and f.rule_id in ('REC-05', 'REC-06') and f.status = 'open'
order by f.rule_id, n.position, r.issue_no
