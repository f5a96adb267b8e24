-- marts.incident_register looks back at its own last month, so the table is made before its model first runs.
create table if not exists marts.incident_register (
    period varchar,
    unit_code varchar,
    incident_no varchar,
    kind varchar,
    level varchar,
    occurred_at timestamp,
    reported_at timestamp,
    responded_at timestamp,
    resolved_at timestamp,
    reported_in varchar,
    mail varchar,
    file varchar,
    row bigint,
    first_form_id varchar,
    first_row bigint,
    is_open boolean,
)
