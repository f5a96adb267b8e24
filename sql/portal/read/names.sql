-- The names of all nodes and units from one place to another. Grain: one node.
select unit_code, unit_name from nodes where place >= :lo and place < :hi order by place
