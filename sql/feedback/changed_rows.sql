-- What changed in a sheet ($staging its table, $keys the columns of its key) between forms that replaced others and the
-- forms before ($forms and $earlier, in the same order), row by row of the same key. A number under 序号 is left out of view.
-- Grain: one key in one pair of forms, with the rows that have it now and had it before. A row whose key cannot be read is
-- known by what is written there.
with pairs as (
    select
        unnest($forms) as form_id,
        unnest($earlier) as earlier_form_id,
),
wanted as (
    select form_id, form_id as of_form, true as is_new from pairs
    union all
    select earlier_form_id as form_id, form_id as of_form, false as is_new from pairs
),
contents as (
    select
        w.of_form,
        w.is_new,
        json_merge_patch(to_json(r), '{"form_id": null, "row": null, "seq": null, "seq__text": null}') as content,
    from query_table($staging) as r
    inner join wanted as w using (form_id)
),
keyed as (
    select
        of_form,
        is_new,
        content,
        list_transform(
            $keys, lambda k: coalesce(content ->> ('$.' || k), content ->> ('$.' || k || '__text'), '')
        ) as key,
    from contents
)
select
    of_form,
    array_to_string(list_filter(key, lambda k: k <> ''), ' ') as key,
    count(*) filter (where is_new) as after,
    count(*) filter (where not is_new) as before,
    coalesce(list(content order by content) filter (where is_new), [])
    is distinct from coalesce(list(content order by content) filter (where not is_new), []) as is_otherwise,
from keyed
group by of_form, key
order by of_form, key
