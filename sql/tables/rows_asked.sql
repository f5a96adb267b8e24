-- Of how many rows the rules of each table made for them were last asked (sql/settled/rows_asked.sql): a night that asks
-- about some units alone leaves the others' counts. Grain: one unit and table in one month.
create table if not exists core.rows_asked (
    period varchar,
    rules_table varchar,
    unit_code varchar,
    rows bigint,
)
