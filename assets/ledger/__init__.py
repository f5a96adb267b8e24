"""The ledger: what was sent to whom, and what stewards decided. Relational: SQLite in a home, PostgreSQL by one URL.

Belongs here: its tables (models), opening and migrating it (opening), the life of a notice (queue), the log of
decisions (decisions). Does not: which notices are due (reports/notices/due.py), sending them (reports/notices/smtp.py).
"""
