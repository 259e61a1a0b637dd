"""When a call that failed before its first response is made again, and after which wait."""

import dataclasses
import random

from antiphon_client.errors import AntiphonError


@dataclasses.dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Retries of streaming calls; unary reads are retried by the service config."""

    max_retries: int = 3
    """Calls made again after the first; 0 switches retries off."""
    initial_wait_s: float = 0.1
    """First wait where the server names none; grows by 1.6 for each retry."""
    max_wait_s: float = 5.0
    """Longest wait where the server names none."""
    max_retry_after_s: float = 30.0
    """Longest wait a server may ask for; above it the error is raised at once."""

    def wait_s(self, error: AntiphonError, num_retries: int) -> float | None:
        """Say how long to wait before the next try; ``None`` if there is none.

        Args:
            error: What the last try failed with.
            num_retries: Retries made so far.
        """
        if num_retries >= self.max_retries or not error.is_retryable:
            return None
        if error.retry_after_s is not None:
            return error.retry_after_s if error.retry_after_s <= self.max_retry_after_s else None
        ceiling: float = min(self.max_wait_s, self.initial_wait_s * 1.6**num_retries)
        return ceiling * random.uniform(0.8, 1.2)  # noqa: S311 - spreads callers, hides nothing
