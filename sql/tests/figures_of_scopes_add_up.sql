-- The carrier's rows received are those of its units. A failing row: a sheet whose carrier total is not the sum.
select
    s.scope,
    cast(s.summary -> '$.exposed_assets.rows_received' as bigint) as in_summary,
    (select count(*) from marts.exposed_assets as r where r.period = $period) as in_rows,
    'the carrier does not count every asset row' as failure_reason,
from marts.summaries as s
where s.period = $period and s.scope = $carrier and in_summary <> in_rows
