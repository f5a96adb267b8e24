-- The fingerprint under which each month was last settled. Grain: one settled month.
create table if not exists core.settled (
    period varchar,
    fingerprint varchar,
)
