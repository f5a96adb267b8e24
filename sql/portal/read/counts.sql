-- What was counted of a node's findings when the snapshot was made. Grain: one rule, consequence, status, kind of decision and
-- sheet, '*' being all sheets together.
select rule_id, moves, status, decides, sheet_key, n, units from counts where place = :at
