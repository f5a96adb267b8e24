"""The definitions of the home that SIXTH_HOME names, for a code location in this process (year.py)."""

from assets.instance.home import find_home
from pipelines.definitions import build_defs

defs = build_defs(find_home(None))
