-- Scans that came before, for another month or from another unit (SIG-04; assets/month/look_back.py), with what they were
-- used for. Grain: one scan of one unit and month.
create table if not exists core.used_scans (
    period varchar,
    unit_code varchar,
    mail varchar,
    number bigint,
    used_for varchar,
)
