-- The fingerprint of each month under which its figures were last found to agree (sql/tests).
-- Grain: one month that may be published.
create table if not exists core.reconciled (
    period varchar,
    fingerprint varchar,
)
