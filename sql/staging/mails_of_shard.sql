-- The mails that a shard (the attached database of that name) has parsed and this warehouse has not. Grain: one mail.
select mail
from shard.staging.mails
semi join staging.receipts using (mail)
anti join staging.mails using (mail)
