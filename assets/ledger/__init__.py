"""The ledger: what was sent to whom, what stewards decided, who may enter the portal and what was done there.
Relational: SQLite in a home, PostgreSQL by one URL.

Belongs here: its tables (models), opening and migrating it (opening), the life of a notice (queue), the log of
decisions (decisions), users with their grants, sessions and tokens (people), the audit log (audit). Does not: which
notices are due (reports/notices/due.py), sending them (reports/notices/smtp.py), the pages (reports/portal).
"""
