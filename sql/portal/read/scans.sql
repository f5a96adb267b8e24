-- The scans of a unit, the latest first. Grain: one scan.
select * from scans where place = :place order by received_at desc, mail, number
