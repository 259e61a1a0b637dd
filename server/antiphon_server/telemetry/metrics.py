"""Prometheus metrics. Labels are methods, reasons, models and roles: few and fixed, never what a caller said."""

from prometheus_client import Counter, Gauge, Histogram

_MS = (1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 5_120, 10_240, 30_000, 60_000)

CALLS = Counter(
    "antiphon_calls", "Calls that ended, by method and reason (OK or an ErrorInfo reason).", ["method", "reason"]
)
CALLS_RUNNING = Gauge("antiphon_calls_running", "Calls being served, by method.", ["method"])
CALL_MS = Histogram("antiphon_call_ms", "Length of calls in milliseconds.", ["method"], buckets=_MS)
FIRST_AUDIO_MS = Histogram("antiphon_first_audio_ms", "From committed text to the first audio written.", buckets=_MS)
UNDERRUN_S = Counter("antiphon_underrun_seconds", "Time real-time players would have starved.")
AUDIO_OUT_S = Counter("antiphon_audio_spoken_seconds", "Audio sent.")
AUDIO_IN_S = Counter("antiphon_audio_heard_seconds", "Audio taken in.")
FINAL_MS = Histogram("antiphon_final_ms", "From the end of an utterance's audio to its final.", buckets=_MS)
CANCEL_MS = Histogram("antiphon_cancel_ms", "From a cancel to the engine being free of the work.", buckets=_MS)
ENGINE_UP = Gauge("antiphon_engine_ready", "1 while the engine process answers.", ["engine"])
ENGINE_RESTARTS = Counter("antiphon_engine_restarts", "Times an engine process came back.", ["engine"])
LOOP_STALL_MS = Histogram("antiphon_loop_stall_ms", "How late the front's loop woke up.", buckets=_MS)
