-- core.profile_items of a span: the items that units were asked, once for every month in which they were.
-- Grain: one item of one month of one profile of core.units.
select
    p.profile,
    i.item_code,
    i.checklist,
from (select distinct profile from core.units where level = 'unit') as p,
    unnest(string_split(p.profile, ' + ')) as m (month_profile)
inner join core.month_items as i on i.profile = m.month_profile
