-- When a unit's month was first complete, by the times of its mails. Grain: one unit for which there is such a moment.
-- system.md, What becomes of a unit: at the moment every required form stands and says enough (CHK-09, KPI-05), every
-- optional form that was sent stands, and a scan can be read. A later form replaces the earlier one, so that a unit may
-- have been complete only once its second annex 3 came; what is waived counts from the time of its mail.
with asked as (
    select
        u.unit_code,
        count(i.item_code) as items,
    from core.units as u
    left join core.profile_items as i using (profile)
    where u.period = $period and u.level = 'unit'
    group by u.unit_code
),
short as (
    select form_id
    from core.findings
    where period = $period and effect = 'incomplete' and status = 'open' and form_id <> ''
    union
    select r.form_id
    from core.replaced_answers as r
    inner join asked as q using (unit_code)
    where
        r.period = $period
        and (
            100 * r.items_answered < $coverage_percent * q.items
            or 100 * r.indicators_reported < $coverage_percent * (select count(*) from core.indicators)
        )
),
accepted as (
    select
        s.unit_code,
        s.form,
        s.received_at,
        s.mail,
        s.number,
        f.required,
        s.form_id not in (select form_id from short) as is_enough,
    from core.submissions as s
    inner join core.forms as f using (form)
    where s.period = $period and not s.returned
),
waived as (
    select distinct
        f.unit_code,
        f.mail,
    from core.findings as f
    inner join core.rules as r using (rule_id)
    where f.period = $period and f.status = 'waived' and f.effect = 'incomplete' and r.rule_group = 'scan'
),
-- Scans whose signed pages were never those of the unit's return (SIG-05), some form of them in every code.
signed_otherwise as (
    select distinct unit_code, mail, number
    from (
        select unit_code, mail, number, form, bool_or(agreed_once) as agreed_once
        from core.signed_pages
        where period = $period
        group by unit_code, mail, number, form
    )
    where not agreed_once
),
signed as (
    select
        s.unit_code,
        min(s.received_at) as signed_at,
    from core.scans as s
    left join waived as w using (unit_code, mail)
    left join signed_otherwise as o using (unit_code, mail, number)
    where
        s.period = $period
        and ((s.state in ('sealed', 'unsealed') and o.mail is null) or w.mail is not null)
    group by s.unit_code
),
moments as (
    select unit_code, received_at as moment from accepted
    union
    select unit_code, signed_at from signed
),
standing as (
    select
        m.unit_code,
        m.moment,
        a.form,
        a.required,
        a.is_enough,
    from moments as m
    inner join accepted as a
        on a.unit_code = m.unit_code and a.received_at <= m.moment
    qualify
        row_number() over (
            partition by m.unit_code, m.moment, a.form order by a.received_at desc, a.mail desc, a.number desc
        ) = 1
),
at_moments as (
    select
        unit_code,
        moment,
        count(*) filter (where required and is_enough) as required_forms,
        list(form) as forms,
    from standing
    group by unit_code, moment
),
optional_forms as (
    select
        s.unit_code,
        s.form,
        min(s.received_at) as first_sent_at,
    from core.submissions as s
    inner join core.forms as f using (form)
    where s.period = $period and not f.required
    group by s.unit_code, s.form
)
select
    $period as period,
    a.unit_code,
    min(a.moment) as first_complete_at,
from at_moments as a
left join signed as g using (unit_code)
where
    a.required_forms = (select count(*) from core.required_forms)
    and (
        g.signed_at <= a.moment
        -- No scan at all, and that is waived.
        or exists (select 1 from waived as w where w.unit_code = a.unit_code and w.mail = '')
    )
    and not exists (
        select 1
        from optional_forms as o
        where o.unit_code = a.unit_code and o.first_sent_at <= a.moment and not list_contains(a.forms, o.form)
    )
group by a.unit_code
