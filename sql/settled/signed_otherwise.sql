-- Units of $units whose every readable scan of the month bears a code, of which for some form none agrees with the form that
-- counts (SIG-05): the latest such code of the first such form. Grain: one unit.
with scans as (
    select unit_code
    from core.scans
    where period = $period and state in ('sealed', 'unsealed') and unit_code in (select unnest($units))
    group by unit_code
    having min(len(codes)) > 0
),
by_form as (
    select
        unit_code,
        form,
        bool_or(agrees_now) as agrees,
        max_by({mail: mail, file: file, says: says, wanted: wanted}, (received_at, mail, number)) as latest,
    from core.signed_pages
    semi join scans using (unit_code)
    where period = $period
    group by unit_code, form
)
select
    unit_code,
    form,
    latest.mail as mail,
    latest.file as file,
    latest.says as says,
    latest.wanted as wanted,
from by_form
where not agrees
qualify row_number() over (partition by unit_code order by form) = 1
order by unit_code
