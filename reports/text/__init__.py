"""Words and numbers as readers see them, in both languages.

Belongs here: formats of numbers, dates and masked values, sentences of texts.yaml. Does not: which figure is told
where (reports/report/).
"""
