-- 新增暴露面资产 of effective submissions, with the place each came from. Grain: one row of one effective submission.
-- counted: no open finding of a drop rule touches the row; dropped_by: the rules of those that do.
-- Rows of units that stand (core.standing_units) are not among them: the table has them.
select
    s.period,
    s.unit_code,
    s.mail,
    s.file,
    r.*,
    case
        when (r.public_ip is null and r.public_ip__text is not null) or (r.ports is null and r.ports__text is not null)
            or (r.protocol is null and r.protocol__text is not null) or (r.url is null and r.url__text is not null)
            or (r.public_ip is null and r.url is null)
            or list_contains(d.rules, 'AST-01')
            then null
        else concat_ws('|', coalesce(r.public_ip, ''), coalesce(r.ports, ''), coalesce(r.protocol, ''), coalesce(r.url__key, ''))
    end as asset_key,
    not list_contains(coalesce(f.flags, []), 'AST-07') as scanned_recently,
    list_contains(coalesce(f.flags, []), 'AST-03') as has_high_risk_port,
    list_contains(coalesce(f.flags, []), 'AST-09') as is_unprotected,
    d.rules is null as counted,
    d.rules as dropped_by,
from staging.exposed_assets as r
inner join core.submissions as s using (form_id)
left join dropped as d
    on d.form_id = r.form_id and d.sheet = 'exposed_assets' and d.row = r.row
left join flagged as f
    on f.form_id = r.form_id and f.sheet = 'exposed_assets' and f.row = r.row
anti join core.standing_units as t on t.period = s.period and t.unit_code = s.unit_code
where s.period = $period and s.status = 'effective'
