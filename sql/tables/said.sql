-- What units had said of their warnings when the month was last worked on. Grain: one subject of findings.
create table if not exists core.said (
    subject varchar,
    text varchar,
    period varchar,
)
