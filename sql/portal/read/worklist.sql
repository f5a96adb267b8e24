-- The findings of a filter in the order of the worklist. Of a scope with most of the units `/*+*/` stands for +, which keeps
-- SQLite from going by place and sorting all of them: the first are soon found in the order itself. Grain: one finding that counts.
select *
from findings
where
    counts and /*+*/place >= :lo and /*+*/place < :hi
    and (:moves = 'all' or moves = :moves or (:moves = '' and moves <> 'flag'))
    and (:status = 'all' or status = :status)
    and (:can = '' or (decides <> '') = (:can = 'yes'))
    and (:rule = '' or rule_id = :rule)
    and (:sheet = '' or sheet_key = :sheet or (:sheet = '-' and sheet_key = ''))
order by seq
limit :most offset :after
