-- The digest under which each unit's findings and rows were last worked out. Grain: one unit of a settled month.
create table if not exists core.settled_units (
    period varchar,
    unit_code varchar,
    digest varchar,
)
