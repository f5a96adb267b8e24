-- The figures of every scope (assets/month/summary.py), JSON. Grain: one scope of one month.
create table if not exists marts.summaries (
    period varchar,
    scope varchar,
    summary varchar,
)
