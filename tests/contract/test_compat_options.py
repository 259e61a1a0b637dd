"""``options`` of speech requests: what one model has beside the fields of all, passed on by name."""

import json

import aiohttp
import pytest
from compat_peer import Refusal, compat
from speech_socket import DONE, receive_until, socket, text

ROUTE = "/v1/audio/speech"


async def test_every_kind_of_value_goes_to_the_server_as_it_is():
    options = {"guard": False, "rows": 7, "pace": 0.5, "mode": "soft", "unset": None}
    async with compat() as (peer, http):
        assert (await http.post(ROUTE, json={"input": "a", "options": options})).status == 200
        found = peer.requests[0].config.options
        assert {name: value.WhichOneof("kind") for name, value in found.items()} == {
            "guard": "bool_value",
            "rows": "int_value",
            "pace": "double_value",
            "mode": "string_value",
        }
        assert (found["guard"].bool_value, found["rows"].int_value) == (False, 7)
        assert (found["pace"].double_value, found["mode"].string_value) == (0.5, "soft")


async def test_options_stand_in_extra_body_in_forms_in_batches_and_on_the_socket():
    options = {"guard": False}
    form = aiohttp.FormData(default_to_multipart=True)
    form.add_field("input", "a")
    form.add_field("options", json.dumps(options))
    async with compat() as (peer, http):
        await http.post(ROUTE, json={"input": "a", "extra_body": {"options": options}})
        await http.post(ROUTE, data=form)
        await (await http.post(f"{ROUTE}/batch", json={"options": options, "items": [{"input": "a"}]})).read()
        for request in peer.requests:
            assert request.config.options["guard"].HasField("bool_value")
        assert len(peer.requests) == 3
    async with socket({"type": "session.config", "options": options}, text("Hi."), DONE) as (peer, ws):
        await receive_until(ws, "session.done")
        assert peer.requests[0].config.options["guard"].HasField("bool_value")


@pytest.mark.parametrize(
    ("options", "param", "said"),
    [
        (7, "options", "options must be an object of names and values, not a number"),
        ({"guard": [1]}, "options.guard", "options.guard must be a boolean, a number or a string, not an array"),
        ({"guard": {"a": 1}}, "options.guard", "not an object"),
        ({"rows": 2**63}, "options.rows", "options.rows must fit 64 bits, not 9223372036854775808"),
        ({"mode": "a" * 4097}, "options.mode", "at most 4096 characters, not 4097"),
        ({"n" * 65: 1}, "options", "at most 64 characters, not 65"),
        ({str(index): 1 for index in range(65)}, "options", "at most 64 names, not 65"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_wrong_option_is_a_400_that_names_it(options, param, said):
    async with compat() as (peer, http):
        answer = await http.post(ROUTE, json={"input": "a", "options": options})
        error = (await answer.json())["error"]
        assert (answer.status, error["param"], peer.num_calls) == (400, param, 0)
        assert said in error["message"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
async def test_what_is_no_number_is_refused_by_name(number):
    async with compat() as (peer, http):
        for raw in (f'{{"input": "a", "temperature": {number}}}', f'{{"input": "a", "options": {{"a": {number}}}}}'):
            answer = await http.post(ROUTE, data=raw, headers={"Content-Type": "application/json"})
            error = (await answer.json())["error"]
            assert answer.status == 400
            assert f"{number} is not a JSON number" in error["message"]
        assert peer.num_calls == 0


async def test_an_option_that_the_model_has_not_is_the_servers_to_refuse():
    async def speak(request):
        raise Refusal("INVALID_FIELD", "config.options: mouth has no option 'gard'", field="config.options")
        yield

    async with compat() as (peer, http):
        peer.speak = speak
        answer = await http.post(ROUTE, json={"input": "a", "options": {"gard": False}})
        error = (await answer.json())["error"]
        assert (answer.status, error["param"]) == (400, "options")
        assert error["message"] == "options: mouth has no option 'gard'"
