"""How it runs: settings, home folder, Dagster definitions, the command line.

Belongs here: partitions, jobs, schedules, resources, `build_defs`, the command `sixth`. Does not: the work of a stage
(assets/), what is expected (expectations/), how it looks (reports/).
"""
