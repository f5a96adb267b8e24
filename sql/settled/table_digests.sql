-- What a table held of some months: a sum of hashes, which does not depend on the order of rows. Asked of each table that
-- a report is made of: $table, $periods. Grain: one month of which it holds a row.
-- Another version of DuckDB may hash otherwise, and then says nothing of what was settled.
select
    $table as table_name,
    period,
    cast(sum(hash(t)) as varchar) as digest,
    version() as hashed_by,
from query_table($table) as t
where list_contains($periods, period)
group by period
