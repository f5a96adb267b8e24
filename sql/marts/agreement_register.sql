-- The register of confidentiality agreements at the end of the month: this month's counted rows over last month's
-- register, without those that a counted row ends (终止). What no row lists stays (system.md, Carried over).
-- Grain: one agreement of one unit.
with reported as (
    select
        unit_code,
        agreement_no,
        partner,
        uscc,
        project,
        data_kind,
        signed_on,
        expires_on,
        breach_clause,
        status,
        period as reported_in,
        mail,
        file,
        row,
    from marts.agreements
    where period = $period and counted
),
carried as (
    select g.* exclude (period)
    from marts.agreement_register as g
    where
        g.period = $carried_from
        and not exists (
            select 1 from reported as r
            where r.unit_code = g.unit_code and r.agreement_no = g.agreement_no
        )
)
select
    $period as period,
    *
from reported
where coalesce(status, '在执行') <> '终止'
union all by name
select
    $period as period,
    *
from carried
