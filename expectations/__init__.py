"""What is expected of a return: forms, checklists and rules as data, and the few expectations that GX lacks.

Belongs here: the YAML, its loader (`catalogue`), the suites made from it (`suites`), the engine that
evaluates them on Polars (`engine`), the messages. Does not: reading mails or workbooks (assets/).
"""
