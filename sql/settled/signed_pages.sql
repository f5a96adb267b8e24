-- What the codes of signature pages say, held against the unit, the month and the totals of its forms (SIG-05).
-- agrees_now: with the form that counts, agreed_once: with any that was not returned; without such a form the unit and the
-- month decide. A total above $most stands in a code as $most. Grain: one code on one scan of one unit that can be read and
-- was not used before.
with codes as (
    select
        period,
        unit_code,
        mail,
        number,
        file,
        received_at,
        unnest(codes) as code,
    from core.scans
    where period = $period and state in ('sealed', 'unsealed')
),
compared as (
    select
        c.*,
        f.status,
        f.returned,
        f.totals,
        -- A page may count rows that are none, as a total under the table.
        len(list_filter(
            list_zip(c.code.totals, f.totals, f.totals_at_most)[1:least(len(c.code.totals), len(f.totals))],
            lambda t: t[1] < least(t[2], $most) or t[1] > t[3]
        )) = 0 as has_totals,
    from codes as c
    left join core.submissions as f
        on f.period = c.period and f.unit_code = c.unit_code and f.form = c.code.form
)
select
    period,
    unit_code,
    mail,
    number,
    file,
    received_at,
    code.form as form,
    concat_ws(' ', code.unit_code, code.period, array_to_string(code.totals, '、')) as says,
    concat_ws(' ', unit_code, period, array_to_string(max(totals) filter (where status = 'effective'), '、')) as wanted,
    code.unit_code = unit_code and code.period = period
    and coalesce(bool_or(has_totals) filter (where status = 'effective'), true) as agrees_now,
    code.unit_code = unit_code and code.period = period
    and coalesce(bool_or(has_totals) filter (where not returned), true) as agreed_once,
from compared
group by period, unit_code, mail, number, file, received_at, code
