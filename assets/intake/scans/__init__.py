"""Scans of signed and sealed returns: is there a red seal on any page (SIG-01 to SIG-03)."""
