"""Every failure through the openai package for Node.js: its class, what it carries, and how often it was tried."""

import asyncio
from collections import Counter

from installed import run_package
from obedient_peer import FAILURES, PIECE, obedient


async def test_every_failure_is_raised_and_half_an_answer_never_passes_for_a_whole(tmp_path):
    async with obedient() as (peer, base_url):
        arguments = (base_url, ",".join(FAILURES))
        found = await asyncio.to_thread(run_package, "node", "openai_failures", *arguments, folder=tmp_path)
        await peer.cancelled.wait()
    num_requests = Counter(request.text for request in peer.requests if hasattr(request, "text"))
    for reason, (status, kind, error_type, code, num_tried) in FAILURES.items():
        error = found["failures"][reason]
        assert error.pop("request_id"), reason
        assert error == {
            "kind": kind or "APIError",
            "status": status,
            "type": error_type,
            "param": "voice",
            "code": code,
        }, reason
        assert num_requests[reason] == num_tried, reason
    # A wait of more than a minute it takes for a mistake: it waits as if there were none, where Python's gives up.
    assert (found["long_wait"]["kind"], num_requests["LATER"]) == ("RateLimitError", 2)
    assert found["hang"] == {"kind": "APIConnectionTimeoutError"}
    assert (found["unknown_model"]["kind"], found["unknown_model"]["code"]) == ("NotFoundError", "model_not_found")
    assert found["breaks"]["audio"] == {"kind": "TypeError", "num_bytes": len(PIECE)}  # what fetch raises
    assert found["breaks"]["sse"]["kind"] == "TypeError"
    assert found["transcript"]["deltas"] == ["Half of it."]
    assert (found["transcript"]["kind"], found["transcript"]["code"]) == ("APIError", "engine_failed")
