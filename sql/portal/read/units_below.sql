-- The units below a node with what became of them. Grain: one unit.
select n.unit_code, n.unit_name, n.kind, n.parent_code, u.*
from units as u
inner join nodes as n on n.place = u.place
where
    u.place >= :lo and u.place < :hi
    and (:state = '' or u.state = :state or (:state = 'late' and u.state = 'complete' and not u.on_time))
    and (:find = '' or instr(n.unit_name, :find) > 0 or instr(n.unit_code, :find) > 0)
order by u.place
limit :most offset :after
