-- marts.agreement_register looks back at its own last month, so the table is made before its model first runs.
create table if not exists marts.agreement_register (
    period varchar,
    unit_code varchar,
    agreement_no varchar,
    partner varchar,
    uscc varchar,
    project varchar,
    data_kind varchar,
    signed_on date,
    expires_on date,
    breach_clause boolean,
    status varchar,
    reported_in varchar,
    mail varchar,
    file varchar,
    row bigint,
)
