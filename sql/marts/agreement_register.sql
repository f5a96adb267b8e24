-- The register of confidentiality agreements at the end of the month: a unit's annex 6 replaces its earlier one whole.
-- Grain: one agreement of one unit.
with replaced as (
    select distinct unit_code
    from core.submissions
    where period = $period and form = 'annex6' and status = 'effective'
)
select
    $period as period,
    unit_code,
    agreement_no,
    partner,
    uscc,
    project,
    data_kind,
    signed_on,
    expires_on,
    breach_clause,
    period as reported_in,
    mail,
    file,
    row,
from marts.agreements
where period = $period and counted
union all by name
select * replace ($period as period)
from marts.agreement_register
where period = $previous and unit_code not in (select unit_code from replaced)
