-- The nodes above a unit within the scopes, the highest first. Grain: one node.
select place, unit_code, unit_name from nodes where level <> 'unit' and place < :place and ends > :place order by place
