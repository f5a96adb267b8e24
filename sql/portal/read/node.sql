-- A unit or a node above units, by its code. Grain: one node.
select * from nodes where unit_code = :unit_code
