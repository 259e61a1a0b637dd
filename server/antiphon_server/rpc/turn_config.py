"""What a caller asks about turns, held against what this server does: `end_turn` ends one, `cancel` stops a reply."""

from antiphon.speech.v1 import conversation_service_pb2 as pb
from antiphon_server.errors import UnsupportedFeature
from antiphon_server.rpc.checks import known_enum, optional_in_range, without_effect
from antiphon_server.rpc.listen_config import check_endpoint
from antiphon_server.session.events import Notice

_WITHOUT_EFFECT = {
    "endpoint": "only end_turn ends a turn; pauses end an utterance by transcription.endpoint",
    "eagerness": "only end_turn ends a turn",
}


def check_turns(message: pb.ConversationConfig | pb.ConversationUpdate, path: str) -> tuple[Notice, ...]:
    """Refuse what this server does not offer, in a config or an update; tell what has no effect.

    Raises:
        InvalidField: If an enum number is unknown, or a number of the turn detection lies outside its range.
        UnsupportedFeature: If a feature is not offered.
    """
    detection = message.turn_detection
    known_enum(f"{path}.barge_in", message.barge_in, pb.BargeInPolicy)
    _check_turn_detection(detection, f"{path}.turn_detection")
    offered = {
        "turn_detection.mode": detection.mode in (pb.TURN_MODE_UNSPECIFIED, pb.TURN_MODE_MANUAL),
        "barge_in": message.barge_in in (pb.BARGE_IN_POLICY_UNSPECIFIED, pb.BARGE_IN_POLICY_NONE),
        "tools": not message.tools,
        "resume_token": isinstance(message, pb.ConversationUpdate) or not message.resume_token,
    }
    for name, is_offered in offered.items():
        if not is_offered:
            raise UnsupportedFeature(
                f"{path}.{name} is not offered by this server: turns are ended by end_turn, stopped by cancel",
                field=f"{path}.{name}",
            )
    unused = [given.name for given, _ in detection.ListFields() if given.name in _WITHOUT_EFFECT]
    return tuple(without_effect(f"{path}.turn_detection.{name}", _WITHOUT_EFFECT[name]) for name in unused)


def _check_turn_detection(detection: pb.TurnDetection, path: str) -> None:
    known_enum(f"{path}.mode", detection.mode, pb.TurnMode)
    check_endpoint(detection.endpoint, f"{path}.endpoint")
    optional_in_range(detection, "eagerness", f"{path}.eagerness", 0.0, 1.0)
    if detection.HasField("create_response") and not detection.create_response:
        field = f"{path}.create_response"
        raise UnsupportedFeature(
            f"{field} must be true or absent, not false: this server answers every turn that ends", field=field
        )
