-- A unit's last twelve months. Grain: one month.
select period, state, on_time from months where place = :place order by period
