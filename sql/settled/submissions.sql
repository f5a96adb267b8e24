-- Every form that was booked for the month, with what became of it: of the forms of a kind that a unit sent, the latest
-- that was not returned is effective; the latest of all is returned where it was; the others are replaced.
-- A form is not returned where a steward has waived all that returned it, or it is not asked in the month.
-- Grain: one form of one unit in one mail.
with returns as (
    select
        f.form_id,
        bool_and(d.key is not null) as are_waived,
    from core.plain_findings as f
    inner join core.rules as r using (rule_id)
    left join core.decisions as d on d.kind = 'waive' and d.finding_id = f.finding_id and d.period = f.period
    where f.period = $period and r.effect = 'return' and f.form_id <> ''
    group by f.form_id
),
judged as (
    select b.* replace (b.returned and not coalesce(w.are_waived, true) as returned)
    from core.booked_forms as b
    left join returns as w using (form_id)
    where b.period = $period
)
select
    b.*,
    case
        when not returned and row_number() over not_returned = 1 then 'effective'
        when row_number() over sent = 1 then 'returned'
        else 'replaced'
    end as status,
from judged as b
window
    sent as (partition by unit_code, form order by received_at desc, mail desc, number desc),
    not_returned as (partition by unit_code, form, returned order by received_at desc, mail desc, number desc)
