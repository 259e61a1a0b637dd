"""Hold one turn over the voice WebSocket: typed, or 16 kHz mono 16-bit samples from a file.

python websocket_voice.py "hello" reply.pcm
python websocket_voice.py question.pcm reply.pcm
"""

import asyncio
import json
import sys
from pathlib import Path

import websockets

FRAME_BYTES = 3200  # 100 ms


async def turn(base_url: str, said: str | bytes) -> tuple[str, bytes]:
    """Send one turn and give the reply, as text and as 24 kHz mono samples."""
    sound = bytearray()
    async with websockets.connect(f"{base_url}/ws/voice") as socket:
        await (send_speech(socket, said) if isinstance(said, bytes) else send_text(socket, said))
        async for message in socket:
            if isinstance(message, bytes):
                sound += message
                continue
            event = json.loads(message)
            print(event["type"], event.get("text", ""))
            if event["type"] == "error":
                raise RuntimeError(event["detail"])
            if event["type"] == "reply_done":
                return event["text"], bytes(sound)
    raise RuntimeError("the server ended the conversation")


async def send_text(socket: websockets.ClientConnection, text: str) -> None:
    await socket.send(json.dumps({"type": "text", "text": text}))


async def send_speech(socket: websockets.ClientConnection, samples: bytes) -> None:
    await socket.send(json.dumps({"type": "start"}))
    for start in range(0, len(samples), FRAME_BYTES):
        await socket.send(samples[start : start + FRAME_BYTES])
    await socket.send(json.dumps({"type": "stop"}))


def main(said: str, path: str, base_url: str = "ws://localhost:8000") -> None:
    _, sound = asyncio.run(turn(base_url, Path(said).read_bytes() if said.endswith(".pcm") else said))
    Path(path).write_bytes(sound)
    print(f"{len(sound) / 48_000:.1f} s of speech")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (OSError, RuntimeError, websockets.WebSocketException) as error:
        sys.exit(str(error))
