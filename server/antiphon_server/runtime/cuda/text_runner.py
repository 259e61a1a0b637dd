"""The Runner of Higgs Audio v3 STT on CUDA: the steps of speech, with sound and text in the place of codes."""

from antiphon_server.engine.runner import NoWindows
from antiphon_server.model.stt.decoder import TextDecoder
from antiphon_server.model.stt.ear import Ear
from antiphon_server.runtime.cuda.catalogue import GraphCatalogue
from antiphon_server.runtime.cuda.ear_steps import EarSteps
from antiphon_server.runtime.cuda.graph_runner import GraphSettings, StepRunner, gauges_of
from antiphon_server.runtime.cuda.lane import Lane
from antiphon_server.runtime.cuda.text import Text
from antiphon_server.runtime.kernels.choice import Kernels


class TextGraphRunner(StepRunner, NoWindows):
    """A Runner; see ``StepRunner``. It writes the likeliest id, the first of several that are equally likely."""

    def __init__(self, ear: Ear, decoder: TextDecoder, kernels: Kernels, settings: GraphSettings) -> None:
        """Allocate; see ``StepRunner``."""

        def opening(num_slots: int, lane: Lane, graphs: GraphCatalogue) -> Text:
            return Text(decoder, EarSteps(ear, lane, graphs, device=decoder.device), kernels, num_slots)

        super().__init__(decoder, opening, kernels, settings)

    def gauges(self) -> dict[str, float]:
        """Tell what graphs there are, and what ran without one; names as in ``EngineStats``."""
        return gauges_of((self.graphs,), self.num_eager_prefills)
