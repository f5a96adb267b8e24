-- Forms that came back in our marked copy just as they had come (sql/settled/unaltered_forms.sql). Grain: one form.
create table if not exists core.unaltered_forms (
    mail varchar,
    form_id varchar,
    sent_at varchar,
)
