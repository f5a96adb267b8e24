-- The codes of all nodes and units within the scopes, '' standing for what is nobody's. Grain: one code.
select unit_code from nodes
union all
select '' from nodes where place = 0
