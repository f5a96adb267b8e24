-- Findings that are explained by their place: the row was mended in the workbook in which they were, and so no other
-- finding is what the explanation named. Grain: one subject of one unit in one month.
create table if not exists core.explained_by_place (
    unit_code varchar,
    subject varchar,
    text varchar,
    period varchar,
)
