"""The definitions with a process for every step, as somebody may run them: `dagster job execute -m tests.jobs.multiprocess`."""

import dagster as dg

from assets.instance.home import find_home
from pipelines.definitions import build_defs

EXECUTOR = dg.multiprocess_executor.configured({"max_concurrent": 3, "start_method": {"forkserver": {}}})

defs = build_defs(find_home(None), executor=EXECUTOR)
