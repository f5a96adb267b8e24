-- Stewards' decisions in force by the clock of the last run (assets/month/decisions.py). Grain: one decision in one month that it
-- bears on. finding_id is the finding that it waives, fault what lasts of it where it is waived in later months too.
create table if not exists core.decisions (
    period varchar,
    key varchar,
    kind varchar,
    subject varchar,
    unit_code varchar,
    finding_id varchar,
    mail varchar,
    fault varchar,
    decided_by varchar,
    decided_at timestamp with time zone,
    until timestamp with time zone,
    through varchar,
    is_late boolean,
    reason varchar,
    replaces varchar,
)
