-- What units had said of their warnings when the month was last settled. Grain: one subject of the month's findings.
create table if not exists core.said (
    subject varchar,
    text varchar,
    period varchar,
)
