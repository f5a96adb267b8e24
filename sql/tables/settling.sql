-- Months that are to be settled, or are being settled, under which fingerprint: what earlier_months decided for all steps
-- of a run (assets/month/freshness.py). Grain: one month.
create table if not exists core.settling (
    period varchar,
    fingerprint varchar,
)
