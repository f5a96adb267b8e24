-- What units said of their warnings in the mails of a month, and what became of it: accepted, says_nothing, repeated.
-- Grain: one finding of one line of one marked workbook.
create table if not exists core.explanations (
    unit_code varchar,
    mail varchar,
    received_at timestamp with time zone,
    line bigint,
    rule_id varchar,
    sheet_key varchar,
    row bigint,
    column_key varchar,
    subject varchar,
    text varchar,
    verdict varchar,
    period varchar,
)
