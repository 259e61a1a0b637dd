"""Composition root: builds the parts, starts them in order, and stops them in the opposite order."""

import asyncio
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import REGISTRY, start_http_server

from antiphon_server.config.settings import Config, EngineSettings
from antiphon_server.embedded import kokoro_files, moonshine_files
from antiphon_server.engine.roster import Roster, SecondSynthesizer, Standing
from antiphon_server.engine.spec import EngineSpec, PartSpec, Role
from antiphon_server.errors import SpeechError
from antiphon_server.rpc.server import Front
from antiphon_server.telemetry import metrics
from antiphon_server.telemetry.engine_figures import EngineFigures
from antiphon_server.telemetry.logs import log
from antiphon_server.worker.condition import EngineState, Supervision
from antiphon_server.worker.observing import observe
from antiphon_server.worker.supervisor import EngineProcess

BUILT_IN = {
    "hibari": "antiphon_server.embedded.hibari:create",
    "kokoro": "antiphon_server.embedded.kokoro:create",
    "whisper": "antiphon_server.embedded.whisper:create",
    "moonshine": "antiphon_server.embedded.moonshine:create",
    "silero": "antiphon_server.embedded.silero:create",
    "smollm": "antiphon_server.embedded.smollm:create",
    "openai": "antiphon_server.embedded.upstream:create",
    "higgs": "antiphon_server.runtime.higgs:create",
}
"""Engines by the names that settings use."""
_LISTENING = {"higgs": "antiphon_server.runtime.stt:create"}
"""Those whose name means another model where it listens."""
_TICK_S = 0.1
_SLOW_S = 0.02


@dataclass(frozen=True, slots=True)
class Engines:
    """The engine processes; each fails alone."""

    tts: EngineProcess
    stt: EngineProcess
    chat: EngineProcess
    second_tts: EngineProcess | None = None
    second_name: str = ""
    """What its engine is called before it has said so."""
    is_second_wanted: bool = False
    """The settings name the second: the server does not start without it."""
    live: EngineProcess | None = None
    """In a process of its own: a partial must not wait behind a final."""
    is_live_wanted: bool = False
    """The settings name it: the server does not start without it."""

    def all(self) -> tuple[EngineProcess, ...]:
        """All of them, in starting order."""
        return tuple(each for each in (self.tts, self.stt, self.chat, self.second_tts, self.live) if each is not None)

    def optional(self) -> tuple[EngineProcess, ...]:
        """Those that the server starts without, if need be."""
        seconds = (self.second_tts, self.is_second_wanted), (self.live, self.is_live_wanted)
        return tuple(process for process, is_wanted in seconds if process is not None and not is_wanted)

    def of(self, role: Role) -> EngineProcess:
        """The process that hosts a role."""
        own = {"synthesizer": self.tts, "chat": self.chat, "live_transcriber": self.live}.get(role)
        return own if own is not None else self.stt

    def standing(self, role: Role) -> Standing:
        """How a role's engine stands."""
        return _standing(self.of(role), role)


def _standing(process: EngineProcess, role: Role) -> Standing:
    refusal = None if process.state is EngineState.READY else process.refusal()
    return Standing(process.state.value, process.info.get(role), refusal)


async def serve(config: Config) -> int:
    """Run the server until SIGTERM or SIGINT; return the exit status."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    changed = asyncio.Event()
    second = await asyncio.to_thread(second_tts, config)
    live = await asyncio.to_thread(live_transcriber, config)
    engines = build_engines(config, changed, second, live)
    front = Front(build_roster(config, engines), config)
    watchers = [asyncio.create_task(_watch_engines(engines, front, changed)), asyncio.create_task(_watch_loop())]
    if config.metrics_listen:
        watchers.append(await _serve_metrics(config.metrics_listen, engines))
    try:
        address = await front.start()
        return await _live(config, engines, front, address, stop)
    except SpeechError as error:
        print(f"antiphon-server: {error.message}", file=sys.stderr)  # noqa: T201 - for whoever started it
        return 1
    finally:
        log("stopping", grace_s=config.grace_s)
        await front.stop(config.grace_s)
        await asyncio.gather(*(process.stop(0.0) for process in engines.all()))
        for task in watchers:
            task.cancel()


async def _serve_metrics(address: str, engines: Engines) -> asyncio.Task[None]:
    """Answer Prometheus; returns the task that keeps the engines' own figures fresh."""
    host, _, port = address.rpartition(":")
    server, _ = await asyncio.to_thread(start_http_server, int(port), host)
    log("metrics_served", address=f"{host}:{server.server_port}")
    figures = EngineFigures()
    REGISTRY.register(figures)
    return asyncio.create_task(observe(engines.all(), figures.note))


async def _live(config: Config, engines: Engines, front: Front, address: str, stop: asyncio.Event) -> int:
    began_at = time.monotonic()
    log("listening", grpc=address)
    for process in engines.all():
        await process.start()
    starting = asyncio.create_task(_all_ready(engines, config.start_timeout_s))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        return 0
    starting.result()
    front.learn()
    await front.show_health()
    log("ready", grpc=address, startup_s=round(time.monotonic() - began_at, 2))
    print(f"ready grpc={address}", flush=True)  # noqa: T201 - the line that scripts wait for
    await stopping
    return 0


async def _all_ready(engines: Engines, limit_s: float) -> None:
    await asyncio.gather(
        *(
            _ready_or_not(process, limit_s) if process in engines.optional() else _ready(process, limit_s)
            for process in engines.all()
        )
    )


async def _ready_or_not(process: EngineProcess, limit_s: float) -> None:
    try:
        await _ready(process, limit_s)
    except SpeechError as error:
        log("engine_left_out", engine=process.spec.name, reason=error.reason, message=error.message)


async def _ready(process: EngineProcess, limit_s: float) -> None:
    try:
        await process.wait_ready(limit_s)
    except SpeechError as error:
        raise type(error)(f"the engine {process.spec.name!r} cannot start: {error.message}") from error


def build_engines(
    config: Config,
    changed: asyncio.Event,
    second: EngineSettings | None = None,
    live: EngineSettings | None = None,
) -> Engines:
    """Prepare the engine processes, of a second speech model and a live transcriber too if any; nothing runs yet."""

    def note(process: EngineProcess) -> None:
        metrics.ENGINE_UP.labels(process.spec.name).set(process.state is EngineState.READY)
        if process.state is EngineState.RESTARTING:
            metrics.ENGINE_RESTARTS.labels(process.spec.name).inc()
        changed.set()

    def process(name: str, parts: Mapping[Role, EngineSettings]) -> EngineProcess:
        specs = {role: _part(role, settings, config) for role, settings in parts.items()}
        spec = EngineSpec(name, specs, python_path=config.engine_path)
        return EngineProcess(spec, note, supervision=Supervision(startup_limit_s=config.start_timeout_s))

    return Engines(
        tts=process("tts", {"synthesizer": config.tts}),
        stt=process("stt", {"transcriber": config.stt, "voice_activity": config.vad}),
        chat=process("chat", {"chat": config.chat}),
        second_tts=process("second_tts", {"synthesizer": second}) if second else None,
        second_name=second.engine if second else "",
        is_second_wanted=config.second_tts.engine != "auto",
        live=process("live", {"live_transcriber": live}) if live else None,
        is_live_wanted=config.live.engine != "auto",
    )


def second_tts(config: Config) -> EngineSettings | None:
    """Find the second speech model: the one the settings name, or what was added to the cache folder."""
    is_added = config.tts.engine == "hibari" and kokoro_files.is_added(_cache_dir(config))
    return _wanted_or_added(config.second_tts, "kokoro", is_added=is_added)


def live_transcriber(config: Config) -> EngineSettings | None:
    """Find what writes partials: the engine the settings name, or what was added to the cache folder."""
    return _wanted_or_added(config.live, "moonshine", is_added=moonshine_files.is_added(_cache_dir(config)))


def _wanted_or_added(wanted: EngineSettings, name: str, *, is_added: bool) -> EngineSettings | None:
    if wanted.engine != "auto":
        return wanted if wanted.engine != "none" else None
    return EngineSettings(name, wanted.options) if is_added else None


def _cache_dir(config: Config) -> Path:
    return Path(config.cache_dir) if config.cache_dir else Path.home() / ".cache" / "antiphon"


def _second_synthesizer(engines: Engines) -> SecondSynthesizer | None:
    process = engines.second_tts
    if process is None:
        return None
    return SecondSynthesizer(engines.second_name, process.synthesizer, lambda: _standing(process, "synthesizer"))


def build_roster(config: Config, engines: Engines) -> Roster:
    """Put the engines' faces and all names together."""
    return Roster(
        synthesizer=engines.tts.synthesizer,
        transcriber=engines.stt.transcriber,
        voice_activity=engines.stt.voice_activity,
        chat=engines.chat.chat,
        standing=engines.standing,
        model_aliases=config.model_aliases,
        voice_aliases=config.voice_aliases,
        default_voice=config.default_voice,
        is_strict=config.strict_models,
        second=_second_synthesizer(engines),
        live=engines.live.live_transcriber if engines.live is not None else None,
    )


def _part(role: Role, settings: EngineSettings, config: Config) -> PartSpec:
    named = {**BUILT_IN, **_LISTENING} if role == "transcriber" else BUILT_IN
    factory = named.get(settings.engine, settings.engine)
    options = dict(settings.options)
    if settings.engine in ("whisper", "kokoro", "moonshine"):
        options.setdefault("cache_dir", str(_cache_dir(config)))
    return PartSpec(factory, options)


async def _watch_engines(engines: Engines, front: Front, changed: asyncio.Event) -> None:
    while True:
        await changed.wait()
        changed.clear()
        await front.show_health()
        log("engines_changed", states={process.spec.name: process.state.value for process in engines.all()})


async def _watch_loop() -> None:
    """Measure how late the loop wakes up; 20 ms is a defect worth a line."""
    while True:
        began_at = time.monotonic()
        await asyncio.sleep(_TICK_S)
        late_s = time.monotonic() - began_at - _TICK_S
        metrics.LOOP_STALL_MS.observe(max(0.0, late_s * 1000))
        if late_s > _SLOW_S:
            log("loop_stalled", late_ms=round(late_s * 1000, 1))
