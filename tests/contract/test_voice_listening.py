"""Listening on ``/ws/voice`` against a scripted server: partials, timings, the language of a turn."""

from compat_peer import Refusal, TalkEvent, compat
from test_compat_voice import receive_turn

from antiphon.speech.v1 import conversation_service_pb2, report_pb2, transcription_service_pb2

T = transcription_service_pb2
TIMINGS = report_pb2.Timings(first_output_ms=12.34, total_ms=99)


def plays(*events: TalkEvent):
    async def talk(requests):
        async for _ in requests:
            pass
        for event in events:
            yield event

    return talk


DONE = TalkEvent(reply_done=conversation_service_pb2.ReplyDone(text="Hello."))


async def turn_of(*events: TalkEvent, **start: object):
    """The config of a spoken turn, and what is answered to it."""
    async with compat() as (peer, http), http.ws_connect("/ws/voice") as ws:
        peer.talk = plays(*events)
        await ws.send_json({"type": "start", **start})
        await ws.send_json({"type": "stop"})
        found = await receive_turn(ws)
        return peer.requests[0].config, found


async def test_a_partial_tells_what_of_it_is_settled():
    partials = [
        T.PartialTranscript(text=text, num_settled_characters=num) for text, num in [("Grüß", 0), ("Grüß Gott", 4)]
    ]
    _, found = await turn_of(*(TalkEvent(partial=partial) for partial in partials), DONE)
    assert found[:2] == [
        {"type": "partial", "text": "Grüß"},
        {"type": "partial", "text": "Grüß Gott", "settled": "Grüß"},
    ]


async def test_final_and_reply_tell_where_the_time_went():
    done = conversation_service_pb2.ReplyDone(text="Hello.", timings=TIMINGS)
    _, found = await turn_of(TalkEvent(final=T.FinalTranscript(text="hi", timings=TIMINGS)), TalkEvent(reply_done=done))
    timings = {"first_output_ms": 12.3, "total_ms": 99.0}
    assert found == [
        {"type": "final", "text": "hi", "timings": timings},
        {"type": "reply_done", "text": "Hello.", "timings": timings},
    ]


async def test_the_language_of_a_turn_goes_to_the_server():
    for given, code in {"de": "de", "German": "de", "pt-BR": "pt-BR"}.items():
        config, _ = await turn_of(DONE, language=given)
        assert config.transcription.language == code
    config, _ = await turn_of(DONE)
    assert config.transcription.language == ""


async def test_a_language_that_is_refused_is_an_error_event_that_names_it():
    async def talk(requests):
        message = "config.transcription.language: ears does not know the language 'xx'; there is en"
        raise Refusal("INVALID_FIELD", message, field="config.transcription.language")
        yield

    async with compat() as (peer, http), http.ws_connect("/ws/voice") as ws:
        peer.talk = talk
        await ws.send_json({"type": "start", "language": "xx"})
        (event,) = await receive_turn(ws)
        assert event == {"type": "error", "detail": "language: ears does not know the language 'xx'; there is en"}
        await ws.send_json({"type": "start", "language": "x" * 36})
        assert "at most 35 characters" in (await receive_turn(ws))[0]["detail"]
