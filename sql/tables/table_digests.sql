-- What every table that a report is made of held of a month when it was settled (sql/settled/table_digests.sql).
-- Grain: one table and month.
create table if not exists core.table_digests (
    table_name varchar,
    period varchar,
    digest varchar,
    hashed_by varchar,
)
