-- The nodes above units within the scopes, in the order of the tree. Grain: one scope.
select place, unit_code, unit_name, parent_code, level, depth, ends, content from nodes where level <> 'unit' order by place
