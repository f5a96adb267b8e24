-- A finding by its id, with how it lies among the others. Grain: one finding.
select * from findings where finding_id = :finding
