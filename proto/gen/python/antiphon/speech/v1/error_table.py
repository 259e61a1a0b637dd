"""Generated from proto/error_table.json by scripts/gen; do not edit."""

from typing import NamedTuple


class ErrorRow(NamedTuple):
    """One reason a call can fail with, on every transport."""

    reason: str
    grpc_code: str
    http_status: int
    http_type: str
    http_code: str
    is_retryable: bool


ERROR_TABLE: dict[str, ErrorRow] = {
    'INVALID_FIELD': ErrorRow(reason='INVALID_FIELD', grpc_code='INVALID_ARGUMENT', http_status=400, http_type='invalid_request_error', http_code='invalid_field', is_retryable=False),
    'TEXT_EMPTY': ErrorRow(reason='TEXT_EMPTY', grpc_code='INVALID_ARGUMENT', http_status=400, http_type='invalid_request_error', http_code='text_empty', is_retryable=False),
    'TEXT_TOO_LONG': ErrorRow(reason='TEXT_TOO_LONG', grpc_code='INVALID_ARGUMENT', http_status=400, http_type='invalid_request_error', http_code='text_too_long', is_retryable=False),
    'UNKNOWN_VOICE': ErrorRow(reason='UNKNOWN_VOICE', grpc_code='INVALID_ARGUMENT', http_status=400, http_type='invalid_request_error', http_code='unknown_voice', is_retryable=False),
    'BAD_AUDIO': ErrorRow(reason='BAD_AUDIO', grpc_code='INVALID_ARGUMENT', http_status=400, http_type='invalid_request_error', http_code='bad_audio', is_retryable=False),
    'AUDIO_TOO_LONG': ErrorRow(reason='AUDIO_TOO_LONG', grpc_code='INVALID_ARGUMENT', http_status=400, http_type='invalid_request_error', http_code='audio_too_long', is_retryable=False),
    'UNSUPPORTED_FORMAT': ErrorRow(reason='UNSUPPORTED_FORMAT', grpc_code='INVALID_ARGUMENT', http_status=400, http_type='invalid_request_error', http_code='unsupported_format', is_retryable=False),
    'UNSUPPORTED_FEATURE': ErrorRow(reason='UNSUPPORTED_FEATURE', grpc_code='INVALID_ARGUMENT', http_status=400, http_type='invalid_request_error', http_code='unsupported_feature', is_retryable=False),
    'CONFIG_FIRST': ErrorRow(reason='CONFIG_FIRST', grpc_code='INVALID_ARGUMENT', http_status=400, http_type='invalid_request_error', http_code='config_first', is_retryable=False),
    'STREAM_ORDER': ErrorRow(reason='STREAM_ORDER', grpc_code='INVALID_ARGUMENT', http_status=400, http_type='invalid_request_error', http_code='stream_order', is_retryable=False),
    'CONTEXT_OVERFLOW': ErrorRow(reason='CONTEXT_OVERFLOW', grpc_code='OUT_OF_RANGE', http_status=400, http_type='invalid_request_error', http_code='context_overflow', is_retryable=False),
    'BODY_TOO_LARGE': ErrorRow(reason='BODY_TOO_LARGE', grpc_code='RESOURCE_EXHAUSTED', http_status=413, http_type='invalid_request_error', http_code='body_too_large', is_retryable=False),
    'UNKNOWN_MODEL': ErrorRow(reason='UNKNOWN_MODEL', grpc_code='NOT_FOUND', http_status=404, http_type='not_found_error', http_code='model_not_found', is_retryable=False),
    'MODEL_NOT_INSTALLED': ErrorRow(reason='MODEL_NOT_INSTALLED', grpc_code='FAILED_PRECONDITION', http_status=404, http_type='not_found_error', http_code='model_not_installed', is_retryable=False),
    'NOT_FOUND': ErrorRow(reason='NOT_FOUND', grpc_code='NOT_FOUND', http_status=404, http_type='not_found_error', http_code='not_found', is_retryable=False),
    'CONFLICT': ErrorRow(reason='CONFLICT', grpc_code='ALREADY_EXISTS', http_status=409, http_type='invalid_request_error', http_code='conflict', is_retryable=False),
    'UNAUTHENTICATED': ErrorRow(reason='UNAUTHENTICATED', grpc_code='UNAUTHENTICATED', http_status=401, http_type='authentication_error', http_code='unauthenticated', is_retryable=False),
    'PERMISSION_DENIED': ErrorRow(reason='PERMISSION_DENIED', grpc_code='PERMISSION_DENIED', http_status=403, http_type='permission_error', http_code='permission_denied', is_retryable=False),
    'OVERLOADED': ErrorRow(reason='OVERLOADED', grpc_code='RESOURCE_EXHAUSTED', http_status=429, http_type='rate_limit_error', http_code='overloaded', is_retryable=True),
    'RATE_LIMITED': ErrorRow(reason='RATE_LIMITED', grpc_code='RESOURCE_EXHAUSTED', http_status=429, http_type='rate_limit_error', http_code='rate_limited', is_retryable=True),
    'QUOTA_EXCEEDED': ErrorRow(reason='QUOTA_EXCEEDED', grpc_code='RESOURCE_EXHAUSTED', http_status=429, http_type='insufficient_quota', http_code='quota_exceeded', is_retryable=False),
    'NOT_READY': ErrorRow(reason='NOT_READY', grpc_code='UNAVAILABLE', http_status=503, http_type='server_error', http_code='not_ready', is_retryable=True),
    'DRAINING': ErrorRow(reason='DRAINING', grpc_code='UNAVAILABLE', http_status=503, http_type='server_error', http_code='draining', is_retryable=True),
    'ENGINE_RESTARTING': ErrorRow(reason='ENGINE_RESTARTING', grpc_code='UNAVAILABLE', http_status=503, http_type='server_error', http_code='engine_restarting', is_retryable=True),
    'ENGINE_FAILED': ErrorRow(reason='ENGINE_FAILED', grpc_code='INTERNAL', http_status=502, http_type='server_error', http_code='engine_failed', is_retryable=True),
    'UPSTREAM_FAILED': ErrorRow(reason='UPSTREAM_FAILED', grpc_code='UNAVAILABLE', http_status=502, http_type='server_error', http_code='upstream_failed', is_retryable=True),
    'DEADLINE_TOO_SHORT': ErrorRow(reason='DEADLINE_TOO_SHORT', grpc_code='DEADLINE_EXCEEDED', http_status=504, http_type='server_error', http_code='deadline_too_short', is_retryable=False),
    'DEADLINE_EXCEEDED': ErrorRow(reason='DEADLINE_EXCEEDED', grpc_code='DEADLINE_EXCEEDED', http_status=504, http_type='server_error', http_code='deadline_exceeded', is_retryable=False),
    'CANCELLED': ErrorRow(reason='CANCELLED', grpc_code='CANCELLED', http_status=499, http_type='server_error', http_code='cancelled', is_retryable=False),
    'INTERNAL': ErrorRow(reason='INTERNAL', grpc_code='INTERNAL', http_status=500, http_type='server_error', http_code='internal', is_retryable=True),
    'NOT_BUILT': ErrorRow(reason='NOT_BUILT', grpc_code='UNIMPLEMENTED', http_status=501, http_type='server_error', http_code='not_built', is_retryable=False),
}
