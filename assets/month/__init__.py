"""A month settled: staging tables in, submissions, findings, counted rows, marts and the figures of every scope out.

Belongs here: the steps in their order and what makes a month stale. Does not: reading mails (assets/intake/), what
leaves the house (reports/).
"""
