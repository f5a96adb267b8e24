-- The units below a node with the most findings of a filter; moves and statuses as lists, by which the index goes. Of a scope
-- with most of the units `/*+*/` stands for +, which keeps SQLite from going by place through all that was counted. Grain: one unit.
select n.unit_code, n.unit_name, c.n
from (
    select place, sum(n) as n
    from counts
    where
        sheet_key = case when :sheet = '' then '*' when :sheet = '-' then '' else :sheet end
        and status in (:status_0, :status_1, :status_2)
        and moves in (:moves_0, :moves_1, :moves_2, :moves_3, :moves_4, :moves_5)
        and /*+*/place >= :lo and /*+*/place < :hi
        and (:can = '' or (decides <> '') = (:can = 'yes'))
        and (:rule = '' or rule_id = :rule)
    group by place
) as c
inner join nodes as n on n.place = c.place and n.level = 'unit'
order by c.n desc, n.place
limit 12
