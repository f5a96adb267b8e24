-- The months that were validated: what their checkpoints came to. Grain: one month.
select
    period,
    cast(sum(cast(result ->> '$.statistics.evaluated_expectations' as bigint)) as bigint) as evaluated,
    cast(sum(cast(result ->> '$.statistics.successful_expectations' as bigint)) as bigint) as successful,
    cast(sum(list_sum(cast(result -> '$.results[*].result.unexpected_count' as bigint[]))) as bigint) as unexpected,
    cast(sum(list_sum(cast(result -> '$.results[*].result.waived_count' as bigint[]))) as bigint) as waived,
    md5(string_agg(suite || result, '' order by suite)) as digest,
from core.validations
group by period
order by period
