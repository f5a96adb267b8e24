-- The mails that wait for a steward. Grain: one mail.
select * from mails order by received_at, mail
