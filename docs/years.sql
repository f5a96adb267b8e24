-- Years of a published table read as one by DuckDB: of each month the rows of its latest version, in one scope. A month that was
-- published again counts once; a column that the forms of a month did not have is null. From the folder that holds published/:
--   duckdb -cmd "set variable scope = 'EX'" -cmd "set variable name = 'exposed_assets'" < years.sql
-- or, with `set variable place = 's3://sixth/head/'`, from a store.
set variable files = (
    select list(file order by period)
    from (
        select
            file,
            regexp_extract(file, 'published/(\d{4}-\d{2})/', 1) as period,
            regexp_extract(file, '/v(\d+)/data/', 1)::integer as version
        from glob(
            concat(
                getvariable('place'), 'published/*/', getvariable('scope'), '/v*/data/', getvariable('name'), '.parquet'
            )
        )
        where period <> ''
        qualify row_number() over (partition by period order by version desc) = 1
    )
);
select * from read_parquet(getvariable('files'), union_by_name = true, hive_partitioning = false);
