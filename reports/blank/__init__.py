"""The blank forms of `sixth template`.

Belongs here: sheets, notes, drop-downs and prefilled cells made from forms.yaml. Does not: reading them back
(assets/intake/).
"""
