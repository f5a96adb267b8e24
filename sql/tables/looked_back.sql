-- What the search for slips of a month rested on when it was last made. Grain: one month.
create table if not exists core.looked_back (
    period varchar,
    digest varchar,
)
