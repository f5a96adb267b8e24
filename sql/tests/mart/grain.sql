-- A mart's grain names one row, and what is always filled is (sql/marts/grain.yaml). Asked of every mart: $mart, $grain,
-- $filled. A failing row: a key that is there twice, or a row in which one of the columns is empty.
with own as (
    select * from query_table($mart)
    where period = $period
),
twice as (
    select
        columns(lambda c: list_contains($grain, c)),
        count(*) as n,
    from own
    group by all
    having n > 1
),
filled as (
    select * from own
    where columns(lambda c: list_contains($filled, c)) is not null
)
select 'two rows of one grain' as failure_reason from twice
union all
select 'an empty key' as failure_reason
from range((select count(*) from own) - (select count(*) from filled))
