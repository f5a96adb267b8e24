"""One module a version of the ledger's tables. What has been released is never changed."""
