"""Mails to units and offices: receipts, reminders, overdue notices.

Belongs here: which are due, their words, their bytes, sending and booking them. Does not: the ledger they are booked in
(assets/ledger/).
"""
