"""Which software this is.

Belongs here: the version, as the installed package has it. Does not: anything else.
"""

from importlib.metadata import version

VERSION = version("sixth")
