"""ConversationConfig in, sessions out."""

from dataclasses import dataclass

from antiphon.speech.v1 import conversation_service_pb2 as pb
from antiphon.speech.v1 import synthesis_service_pb2 as synthesis_pb
from antiphon_server.audio.format import Encoding
from antiphon_server.config.settings import Config
from antiphon_server.config.tables import Scenario
from antiphon_server.engine.chat import ChatMessage
from antiphon_server.engine.protocol import EngineInfo
from antiphon_server.engine.roster import Roster
from antiphon_server.errors import InvalidField, NotFound, UnsupportedFormat
from antiphon_server.rpc.checks import at_most, optional_in_range
from antiphon_server.rpc.listen_config import ListenPlan, plan_listening
from antiphon_server.rpc.synthesis_config import SpeechPlan, plan_speech
from antiphon_server.rpc.turn_config import check_turns
from antiphon_server.session.conversing import TalkSettings
from antiphon_server.session.events import Notice

_MAX_TEXT_BYTES = 32_768
_ROLES = {pb.ITEM_ROLE_SYSTEM: "system", pb.ITEM_ROLE_USER: "user", pb.ITEM_ROLE_ASSISTANT: "assistant"}


@dataclass(frozen=True, slots=True)
class TalkPlan:
    """What was decided about a conversation."""

    settings: TalkSettings
    speech: SpeechPlan
    listening: ListenPlan
    chat: EngineInfo
    history: tuple[ChatMessage, ...]
    effective: pb.ConversationConfig
    notices: tuple[Notice, ...]


def plan_talk(message: pb.ConversationConfig, roster: Roster, config: Config, path: str = "config") -> TalkPlan:
    """Check a config against the models that will answer.

    Raises:
        SpeechError: For the first field that cannot be used.
    """
    unused = check_turns(message, path)
    _check_chat(message, path)
    scenario_id = message.scenario_id or config.default_scenario
    scenario = find_scenario(scenario_id, config, f"{path}.scenario_id")
    chat = roster.resolve_model(message.chat_model, "chat", field=f"{path}.chat_model")
    speech = plan_speech(spoken_config(message), roster, f"{path}.synthesis")
    listening = plan_listening(message.transcription, roster, config.limits, path=f"{path}.transcription")
    _check_live(listening, f"{path}.transcription.format.encoding")
    history = read_history(message, config, f"{path}.history")
    settings = _settings(message, scenario, speech)
    effective = _effective(message, scenario_id, speech, listening, chat)
    notices = (*speech.notices, *listening.notices, *unused)
    return TalkPlan(settings, speech, listening, chat, history, effective, notices)


def find_scenario(scenario_id: str, config: Config, field: str) -> Scenario:
    """Look a scenario up.

    Raises:
        NotFound: If there is none of that id.
    """
    at_most(field, scenario_id, 256, "characters")
    scenario = config.scenarios.get(scenario_id)
    if scenario is None:
        known = ", ".join(sorted(config.scenarios))
        raise NotFound(f"{field}: there is no scenario {scenario_id[:64]!r}; there is {known}", field=field)
    return scenario


def spoken_config(message: pb.ConversationConfig) -> synthesis_pb.SynthesisConfig:
    """How replies are spoken: what the caller gave, with what conversations do unless told otherwise."""
    spoken = synthesis_pb.SynthesisConfig()
    spoken.CopyFrom(message.synthesis)
    spoken.tag_policy = synthesis_pb.TAG_POLICY_CATALOGUE if message.allow_tags else synthesis_pb.TAG_POLICY_TEXT
    if not message.synthesis.HasField("normalization"):
        spoken.normalization.markdown = spoken.normalization.emoji = spoken.normalization.urls = True
    return spoken


def read_history(message: pb.ConversationConfig, config: Config, path: str) -> tuple[ChatMessage, ...]:
    """Check a history.

    Raises:
        InvalidField: If it is too long, or a message has no role or no text.
    """
    limits = config.limits
    at_most(path, message.history, limits.max_history_messages, "messages")
    num_bytes = sum(len(item.text.encode("utf-8", "surrogatepass")) for item in message.history)
    if num_bytes > limits.max_history_bytes:
        raise InvalidField(
            f"{path} must be at most {limits.max_history_bytes} bytes of text, not {num_bytes}", field=path
        )
    return tuple(_message(item, f"{path}[{index}]") for index, item in enumerate(message.history))


def _message(item: pb.ConversationItem, path: str) -> ChatMessage:
    role = _ROLES.get(item.role)
    if role is None:
        known = ", ".join(pb.ItemRole.Name(number) for number in _ROLES)
        raise InvalidField(f"{path}.role must be one of {known}, not {item.role}", field=f"{path}.role")
    check_text(f"{path}.text", item.text)
    if not item.text.strip():
        raise InvalidField(f"{path}.text must not be blank", field=f"{path}.text")
    return ChatMessage(role, item.text)


def check_text(field: str, text: str) -> None:
    """Refuse instructions, or a text of the history, that are too long.

    Raises:
        InvalidField: If they are.
    """
    at_most(field, text.encode("utf-8", "surrogatepass"), _MAX_TEXT_BYTES, "bytes of UTF-8")


def _check_live(listening: ListenPlan, field: str) -> None:
    if listening.settings.format.encoding is Encoding.CONTAINER:
        raise UnsupportedFormat(
            f"{field} of a conversation must be PCM_S16LE, WAV, MULAW or ALAW, which can be heard as they arrive, "
            f"not CONTAINER",
            field=field,
        )


def _check_chat(message: pb.ConversationConfig, path: str) -> None:
    sampling = message.chat_sampling
    optional_in_range(sampling, "temperature", f"{path}.chat_sampling.temperature", 0.0, 2.0)
    optional_in_range(sampling, "max_tokens", f"{path}.chat_sampling.max_tokens", 1, 32_768)
    optional_in_range(sampling, "seed", f"{path}.chat_sampling.seed", 0, 2**31 - 1)
    if sampling.HasField("top_p") and not 0.0 < sampling.top_p <= 1.0:
        field = f"{path}.chat_sampling.top_p"
        raise InvalidField(f"{field} must be above 0 and at most 1, not {sampling.top_p:g}", field=field)
    check_text(f"{path}.instructions", message.instructions)


def _settings(message: pb.ConversationConfig, scenario: Scenario, speech: SpeechPlan) -> TalkSettings:
    sampling = message.chat_sampling
    return TalkSettings(
        instructions=message.instructions or scenario.instructions,
        delivery=scenario.delivery,
        speech=speech.settings,
        is_text_only=message.text_only,
        temperature=sampling.temperature if sampling.HasField("temperature") else None,
        top_p=sampling.top_p if sampling.HasField("top_p") else None,
        max_tokens=sampling.max_tokens if sampling.HasField("max_tokens") else None,
        seed=sampling.seed if sampling.HasField("seed") else None,
    )


def _effective(
    message: pb.ConversationConfig, scenario_id: str, speech: SpeechPlan, listening: ListenPlan, chat: EngineInfo
) -> pb.ConversationConfig:
    effective = pb.ConversationConfig()
    effective.CopyFrom(message)
    effective.ClearField("history")
    effective.scenario_id, effective.chat_model = scenario_id, chat.model
    effective.synthesis.CopyFrom(speech.effective)
    effective.transcription.CopyFrom(listening.effective)
    effective.turn_detection.CopyFrom(pb.TurnDetection(mode=pb.TURN_MODE_MANUAL, create_response=True))
    effective.barge_in = pb.BARGE_IN_POLICY_NONE
    return effective
