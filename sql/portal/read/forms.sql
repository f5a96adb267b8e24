-- What a unit sent, the latest first. Grain: one form in one mail.
select * from forms where place = :place order by received_at desc, mail, form
