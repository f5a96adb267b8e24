"""The portal (`sixth serve`): stewards work, readers fetch, units see and send; and the snapshot that it reads.

Belongs here: the snapshot a run writes (snapshot), the one door to it (reading), who is there (access, passwords), what
every answer has (answers), and the pages of each role (named in steward, reader, office, own_routes, admin). Does not:
what the ledger keeps of people (assets/ledger/people.py), what may be decided (pipelines/decisions.py), the command
(pipelines).

No page opens the warehouse, which a run holds for itself. Whatever a page shows of units comes through reading.opened,
where SQLite itself cuts it to the person's scopes.
"""
