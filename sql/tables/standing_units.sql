-- Units whose findings and rows the steps of the month leave as they are (sql/settled/standing_units.sql), which finds
-- them when the month is worked on. Grain: one unit.
create table if not exists core.standing_units (
    period varchar,
    unit_code varchar,
)
