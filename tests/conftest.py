import os

from hypothesis import HealthCheck, settings

# CI has little time and noisy machines; `thorough` is for one long run by hand: HYPOTHESIS_PROFILE=thorough make test
common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}
settings.register_profile("ci", max_examples=50, derandomize=True, **common)
settings.register_profile("thorough", max_examples=2000, **common)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
