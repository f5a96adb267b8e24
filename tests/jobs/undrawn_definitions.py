"""The definitions of the home that SIXTH_HOME names, whose runs draw nothing, for Dagster's commands in processes of
their own: `dagster job execute -m tests.jobs.undrawn_definitions`.
"""

import pytest

from assets.instance.home import find_home
from pipelines.definitions import build_defs
from tests.jobs.undrawn import stand_in

stand_in(pytest.MonkeyPatch())
defs = build_defs(find_home(None))
