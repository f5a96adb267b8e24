-- The digest under which each mail was last booked (sql/settled/mail_digests.sql). Grain: one mail that may concern
-- the month.
create table if not exists core.booked_mails (
    period varchar,
    mail varchar,
    digest varchar,
)
