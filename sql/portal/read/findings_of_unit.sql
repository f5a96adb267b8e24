-- All findings of a unit, in the order of the worklist. Grain: one finding.
select * from findings where place = :place order by seq
