-- The validation result of each suite as Great Expectations' JSON has it, and under which fingerprint the month was
-- settled that it is of. Grain: one suite in one month.
create table if not exists core.validations (
    period varchar,
    suite varchar,
    fingerprint varchar,
    result varchar,
)
