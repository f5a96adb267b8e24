-- The codes of the units within the scopes. Grain: one unit.
select unit_code from nodes where level = 'unit'
