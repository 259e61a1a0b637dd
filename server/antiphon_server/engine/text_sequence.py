"""One text in the making: the same places, parts and launches as speech, and no sound behind them."""

from dataclasses import dataclass

from antiphon_server.engine.codec_plan import Window
from antiphon_server.engine.runner import Row
from antiphon_server.engine.sequence import Sequence


@dataclass(slots=True, eq=False)
class TextSequence(Sequence):
    """State of one text between steps. Its rows are ids; it is due when all of them are here."""

    @property
    def num_frames(self) -> int:
        """No frames: text has no sound."""
        return 0

    @property
    def num_opening(self) -> int:
        """One: whoever waits for a text waits for its first id and then knows that it comes."""
        return 1

    def take_row(self, row: Row) -> bool:
        """Note an id; behind the end they are dropped. Whether the text is complete."""
        if not self.has_all_rows:
            if row[0] in self.ask.stop_ids:
                self.has_said_end = True
                self._need(len(self.rows))
            else:
                self.rows.append(row)
        return self.has_all_rows

    def next_window(self) -> Window | None:
        """Nothing for the codec."""
        return None

    def _rows_due(self) -> int:
        return self.num_needed
