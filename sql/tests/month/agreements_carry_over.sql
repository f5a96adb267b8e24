-- An agreement is as this month's counted row has it, where that does not end it, else as it was at the end of the month
-- before. A failing row: an agreement that is otherwise, or that nobody reported.
with reported as (
    select unit_code, agreement_no, partner, signed_on, expires_on, status
    from marts.agreements
    where period = $period and counted
),
told as (
    from reported
    where status is distinct from '终止'
    union all
    select unit_code, agreement_no, partner, signed_on, expires_on, status
    from marts.agreement_register
    anti join reported using (unit_code, agreement_no)
    where period = $carried_from
),
found as (
    select unit_code, agreement_no, partner, signed_on, expires_on, status
    from marts.agreement_register
    where period = $period
)
(from told except all from found)
union all
(from found except all from told)
