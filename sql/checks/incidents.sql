-- Rows of sheet 安全事件 as the rules see them. Grain: one row of one submission of the chunk.
-- minutes_allowed: by when a level must be reported (INC-03: 高 2 h, 中 24 h, 低 72 h); seconds are told where there are any.
select
    r.*,
    c.month_start,
    c.month_end,
    c.received_on,
    cast(date_diff('second', r.occurred_at, r.reported_at) as bigint) as seconds_to_report,
    l.minutes_allowed,
    (seconds_to_report // 3600) || ' 小时 ' || (seconds_to_report % 3600 // 60) || ' 分钟'
    || case when seconds_to_report % 60 <> 0 then ' ' || (seconds_to_report % 60) || ' 秒' else '' end as time_to_report,
    (l.minutes_allowed // 60) || ' 小时' as time_allowed,
from staging.incidents as r
inner join chunk as c using (form_id)
left join core.report_limits as l using (level)
order by r.form_id, r.row
