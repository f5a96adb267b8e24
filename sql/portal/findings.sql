-- The findings of a month as the portal shows them, before personal data is masked. Grain: one finding, those of returned
-- forms that do not count included. last_month: the same fault (rule, key of the row, column) of the unit stood in the month
-- before. moves: what the finding does to figures, the first that people look at first; seal is a seal to be confirmed.
select
    f.finding_id,
    f.unit_code,
    f.mail,
    f.form,
    f.form_id,
    f.file,
    f.sheet_key,
    f.sheet,
    f.cell,
    f.row,
    f.column_key,
    f.column,
    f.rule_id,
    f.severity,
    f.effect,
    case
        when f.rule_id = 'SIG-02' and f.status = 'open' and f.counts then 'seal'
        else f.effect
    end as moves,
    f.value,
    f.expected,
    f.cause,
    f.message,
    f.subject,
    f.status,
    f.decided_by,
    f.reason,
    f.decision,
    f.decided_at,
    f.fault,
    f.counts,
    coalesce(s.received_at, m.received_at) as received_at,
    f.fault <> '' and f.fault in (select fault from core.all_findings where period = $before and fault <> '') as last_month,
from core.all_findings as f
left join core.submissions as s
    on s.period = f.period and s.form_id = f.form_id
left join core.mails as m
    on m.period = f.period and m.mail = f.mail and m.unit_code = f.unit_code
where f.period = $period
order by all
