-- What names the mails that are there: which, when each was received, how many copies. Grain: one row.
select md5(string_agg(concat_ws('|', mail, epoch_us(told_at), copies), ',' order by mail)) as digest
from staging.receipts
