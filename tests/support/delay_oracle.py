"""The delay machine of one sequence, a row at a time, written as the rules are stated."""

from dataclasses import dataclass

BOC, EOC, STOP = 1024, 1025, -1


@dataclass
class DelayOracle:
    delay_count: int = 0
    countdown: int | None = None
    is_done: bool = False
    last_codes: tuple[int, ...] = (0,) * 8

    def step(self, sampled: tuple[int, ...]) -> tuple[int, ...]:
        """Take eight sampled codes; the row that goes out."""
        if self.is_done:
            return (STOP,) * 8
        row = list(sampled)
        if self.delay_count < 8:
            for codebook in range(self.delay_count + 1, 8):
                row[codebook] = BOC
            self.delay_count += 1
        elif self.countdown is not None:
            self.countdown -= 1
            self.is_done = self.countdown <= 0
        elif row[0] == EOC:
            self.countdown = 6
        if not self.is_done:
            self.last_codes = tuple(row)
        return tuple(row)
