-- What a unit's blank forms of the next month are sent out with, as JSON. Grain: one unit.
select known from carried where place = :place
