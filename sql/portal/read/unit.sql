-- What became of a unit. Grain: one unit.
select * from units where place = :place
