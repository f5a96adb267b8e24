"""What all tests have in common: no property is judged by its time, which is the machine's; ledgers of both kinds."""

from hypothesis import HealthCheck, settings

from tests.postgresql import ledger, ledger_url, postgresql_url

__all__ = ("ledger", "ledger_url", "postgresql_url")

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
