-- The rules whose findings tell on rows: those of effect drop leave the row out while they are open; those of effect flag
-- stay a fact of the row, explained or waived.
-- Rows of units that stand (core.standing_units) are not among them: their rows are counted already.
-- Grain: one row of a form, with at least one such finding.
select
    form_id,
    sheet_key as sheet,
    row,
    list(distinct rule_id order by rule_id) as rules,
from core.all_findings
where
    period = $period
    and unit_code not in (select unit_code from core.standing_units where period = $period)
    and effect = $effect
    and (status = 'open' or effect = 'flag')
    and row > 0
group by form_id, sheet_key, row
