-- Forms whose month on the cover is taken for a slip (CVR-09; assets/month/look_back.py). Grain: one form; period is the
-- month on its cover.
create table if not exists core.slips (
    period varchar,
    mail varchar,
    form_id varchar,
)
