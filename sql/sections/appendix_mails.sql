-- The mails that the report rests on: this month's, and earlier ones that open problems, unresolved incidents and
-- agreements stand in.
-- Grain: one mail of one scope. Held mails belong to the carrier's scope alone.
with named as (
    select
        u.scope,
        s.mail,
        string_agg(distinct n.unit_name, '、' order by n.unit_name) as unit_names,
        string_agg(distinct s.form || '.' || s.status, ';' order by s.form || '.' || s.status) as forms,
    from core.submissions as s
    inner join core.scope_units as u using (period, unit_code)
    inner join core.units as n using (period, unit_code)
    where s.period = $period
    group by u.scope, s.mail
),
sent as (
    select
        u.scope,
        m.mail,
        n.unit_name,
    from core.mails as m
    inner join core.scope_units as u using (period, unit_code)
    inner join core.units as n using (period, unit_code)
    where m.period = $period
    union all
    select $carrier, m.mail, null from core.mails as m where m.period = $period and m.held
),
carried as (
    select
        u.scope,
        p.mail,
        n.unit_name,
    from (
        select period, unit_code, mail from marts.problems
        where period = $period and is_open and reported_in < $period
        union
        select period, unit_code, mail from marts.incident_register
        where period = $period and is_open and reported_in < $period
        union
        select period, unit_code, mail from marts.agreement_register
        where period = $period and reported_in < $period
    ) as p
    inner join core.scope_units as u using (period, unit_code)
    inner join core.units as n using (period, unit_code)
),
mails as (
    select
        scope,
        mail,
        max(unit_names) as unit_names,
        max(forms) as forms,
    from (
        select scope, mail, unit_names, forms from named
        union all
        select scope, mail, unit_name, null from sent
        where not exists (select 1 from named as n where n.scope = sent.scope and n.mail = sent.mail)
        union all
        select scope, mail, unit_name, 'carried' from carried
    )
    group by scope, mail
),
received as (
    select
        mail,
        min(received_at) as received_at,
        bool_or(held and period = $period) as held,
        max(copies) as copies,
    from core.mails
    where period <= $period
    group by mail
)
select
    m.scope,
    row_number() over (partition by m.scope order by r.received_at, m.mail) as place,
    m.mail,
    timezone($timezone, r.received_at) as received_at,
    coalesce(m.unit_names, '') as unit_names,
    coalesce(m.forms, case when r.held then 'held' else 'none' end) as forms,
    r.copies,
from mails as m
inner join received as r using (mail)
