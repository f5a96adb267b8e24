-- The finding before or after one, within the same filter. Grain: one finding, none at the end.
select finding_id
from findings
where
    counts and place >= :lo and place < :hi
    and (:moves = 'all' or moves = :moves or (:moves = '' and moves <> 'flag'))
    and (:status = 'all' or status = :status)
    and (:can = '' or (decides <> '') = (:can = 'yes'))
    and (:rule = '' or rule_id = :rule)
    and (:sheet = '' or sheet_key = :sheet or (:sheet = '-' and sheet_key = ''))
    and (seq - :seq) * :way > 0
order by (seq - :seq) * :way
limit 1
