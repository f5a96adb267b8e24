-- The units below a node with the most findings of a filter. Grain: one unit.
select n.unit_code, n.unit_name, sum(c.n) as n
from counts as c
inner join nodes as n on n.place = c.place and n.level = 'unit'
where
    c.place >= :lo and c.place < :hi and c.sheet_key = case when :sheet = '' then '*' else :sheet end
    and (:moves = 'all' or c.moves = :moves or (:moves = '' and c.moves <> 'flag'))
    and (:status = 'all' or c.status = :status)
    and (:can = '' or (c.decides <> '') = (:can = 'yes'))
    and (:rule = '' or c.rule_id = :rule)
group by 1, 2
order by 3 desc, n.place
limit 12
