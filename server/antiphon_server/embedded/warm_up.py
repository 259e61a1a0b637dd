"""What a synthesizer does before it is ready: it speaks, and is timed."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from antiphon_server.engine.protocol import SpeechChunk, SpeechEnd, SpeechJob
from antiphon_server.errors import EngineFailed

Speak = Callable[[SpeechJob], AsyncGenerator[SpeechChunk | SpeechEnd, None]]


async def first_output_ms(speak: Speak, job: SpeechJob) -> float:
    """Speak a job twice, and return the milliseconds to the first sound of the second time.

    Raises:
        EngineFailed: If it spoke nothing.
    """
    for _ in range(2):
        begin = time.perf_counter()
        async with aclosing(speak(job)) as items:
            first = await anext(items)
            first_ms = (time.perf_counter() - begin) * 1000
            rest = [item async for item in items]
        if not isinstance(first, SpeechChunk) or len(rest) < 2:
            raise EngineFailed("the speech model spoke nothing in its warm-up")
    return first_ms
