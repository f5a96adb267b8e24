"""The content of the consolidated report, described once for all its forms.

Belongs here: sections and their queries, the first page, names of codes, the model that renderers draw. Does not: how a
form draws it (reports/forms/), which version is made (reports/publishing/).
"""
