-- The units below a node that are not complete, those without anything first. Grain: one unit.
select n.unit_code, n.unit_name, u.*
from units as u
inner join nodes as n on n.place = u.place
where u.place >= :lo and u.place < :hi and u.state <> 'complete'
order by case u.state when 'missing' then 0 when 'returned' then 1 else 2 end, u.place
limit 500
