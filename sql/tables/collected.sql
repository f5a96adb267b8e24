-- How the latest collecting went (outputs.md, summary.json). Grain: one source, imap or folder.
create table if not exists staging.collected (
    source varchar,
    state varchar,
)
