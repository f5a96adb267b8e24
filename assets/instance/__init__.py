"""The opened home: what an instance is made of, on which every stage stands.

Belongs here: paths, settings, the register, periods and the cut-off, the warehouse, the session and its Dagster
resource, limits, batches, progress, worker processes. Does not: mails, rows, figures (the stages), how it is run
(pipelines/).
"""
