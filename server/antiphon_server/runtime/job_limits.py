"""What a job may ask of Higgs Audio v3, checked before anything of it is computed."""

import math
from collections.abc import Mapping

from antiphon_server.engine.protocol import SpeechJob
from antiphon_server.errors import InvalidField
from antiphon_server.model.higgs_config import CODE_VOCABULARY, CONTEXT_POSITIONS

CONTINUITIES = ("NONE", "CONTEXT", "SEQUENCE")
_MAX_SEED = 2**63 - 1


def check_job(job: SpeechJob, options: Mapping[str, object]) -> None:
    """Refuse what is out of range, whoever let it through.

    Args:
        job: The job.
        options: ``EngineInfo.call_options``: names with defaults.

    Raises:
        InvalidField: Naming the field, its limits and the value.
    """
    _check("temperature", job.temperature, 0, 2)
    _check("top_p", job.top_p, 0, 1, is_least_excluded=True)
    _check("top_k", job.top_k, 1, CODE_VOCABULARY)
    _check("max_new_tokens", job.max_new_tokens, 1, CONTEXT_POSITIONS)
    _check("seed", job.seed, 0, _MAX_SEED)
    _check("max_context_segments", job.max_context_segments, 0)
    _check("first_chunk_frames", job.first_chunk_frames, 0)
    if job.continuity and job.continuity not in CONTINUITIES:
        raise InvalidField(f"continuity must be one of {', '.join(CONTINUITIES)}", field="continuity")
    check_options(job.options, options)


def check_options(given: Mapping[str, object], options: Mapping[str, object]) -> None:
    """Refuse options that an engine does not have.

    Args:
        given: Of a job.
        options: ``EngineInfo.call_options``: names with defaults.

    Raises:
        InvalidField: If a name is unknown or a value of another type than its default.
    """
    for name, value in given.items():
        if name not in options:
            raise InvalidField(f"options.{name[:64]} is unknown; there is {', '.join(options)}", field="options")
        if type(value) is not type(options[name]):
            wanted = type(options[name]).__name__
            raise InvalidField(f"options.{name} must be a {wanted}, not a {type(value).__name__}", field="options")


def _check(
    field: str, value: float | None, least: float, most: float = math.inf, *, is_least_excluded: bool = False
) -> None:
    """Refuse numbers out of range; what is no number is in no range."""
    if value is None or (least <= value <= most and not (is_least_excluded and value == least)):
        return
    if most == math.inf:
        raise InvalidField(f"{field} must be at least {least}, not {value}", field=field)
    between = f"above {least}, up to {most}" if is_least_excluded else f"{least} to {most}"
    raise InvalidField(f"{field} must be {between}, not {value}", field=field)
