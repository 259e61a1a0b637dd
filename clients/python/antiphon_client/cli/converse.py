"""``antiphon converse``: typed or recorded turns, answered by a chat model aloud."""

import argparse
import asyncio
import sys
import wave
from pathlib import Path

import numpy as np

from antiphon.speech.v1.audio_pb2 import AudioEncoding, AudioFormat
from antiphon.speech.v1.conversation_service_pb2 import ConversationConfig
from antiphon.speech.v1.synthesis_service_pb2 import SynthesisConfig
from antiphon.speech.v1.transcription_service_pb2 import TranscriptionConfig
from antiphon_client.cli.failure import wrong_usage
from antiphon_client.cli.lines import input_lines
from antiphon_client.cli.options import Commands, add_command, add_server_options, client_of
from antiphon_client.cli.progress import note
from antiphon_client.cli.replies import Reply, ReplySound
from antiphon_client.conversation import ConversationStream

_EXPLANATION = """\
Converse: type a line, and be answered, sentence by sentence, in text and sound. End with Ctrl-D.

examples:
  antiphon converse                            replies go into the folder conversation/
  antiphon converse --play                     replies are heard
  antiphon converse --text-only                no sound is made
  antiphon converse --file question.wav        a spoken turn, 16-bit WAV
  echo "What is a lute?" | antiphon converse --instructions "Answer in one sentence."
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "converse", summary="type or speak, and be answered", explanation=_EXPLANATION)
    parser.add_argument("--file", metavar="WAV", action="append", type=Path, help="a spoken turn; may be repeated")
    parser.add_argument("-o", "--out", metavar="FOLDER", type=Path, help="for replies (default: conversation)")
    parser.add_argument("--play", action="store_true", help="hear replies; files only if --out is given too")
    parser.add_argument("--text-only", action="store_true", help="make no sound")
    parser.add_argument("--voice", default="", help="voice or alias (default: the server's)")
    parser.add_argument("--instructions", default="", metavar="TEXT", help="directions for the chat model")
    parser.add_argument("--chat-model", default="", metavar="MODEL", help="model or alias (default: the server's)")
    add_server_options(parser)
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """Hold the conversation until the input ends."""
    if options.text_only and (options.play or options.out):
        raise wrong_usage("--text-only makes no sound; leave --play and --out away.")
    folder = options.out or (None if options.play or options.text_only else Path("conversation"))
    sound = ReplySound(folder, is_played=options.play)
    turns = [await asyncio.to_thread(_read_wav, path) for path in options.file or ()]
    if len({rate_hz for rate_hz, _ in turns}) > 1:
        raise wrong_usage("All --file recordings of one conversation must have the same sample rate.")
    config = _config(options, turns[0][0] if turns else 0)
    async with client_of(options) as client, client.converse(config) as stream:
        started = stream.started
        note(f"{started.chat_model} answers, {started.synthesis_model or 'nobody'} speaks. Ctrl-D ends.")
        all_answered = await (_spoken(stream, sound, turns) if turns else _typed(stream, sound))
        await stream.close_sending()
    return 0 if all_answered else 1


def _config(options: argparse.Namespace, input_rate_hz: int) -> ConversationConfig:
    heard = AudioFormat(encoding=AudioEncoding.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=input_rate_hz)
    return ConversationConfig(
        chat_model=options.chat_model,
        instructions=options.instructions,
        text_only=options.text_only,
        synthesis=SynthesisConfig(voice=options.voice),
        transcription=TranscriptionConfig(format=heard),
    )


async def _spoken(stream: ConversationStream, sound: ReplySound, turns: list[tuple[int, bytes]]) -> bool:
    answered = True
    for turn_index, (_, samples) in enumerate(turns):
        await stream.send_audio(samples)
        await stream.end_turn()
        answered = await Reply(sound, turn_index).read(stream) and answered
    return answered


async def _typed(stream: ConversationStream, sound: ReplySound) -> bool:
    answered, turn_index = True, 0
    async for line in input_lines(sys.stdin):
        if not line.strip():
            continue
        await stream.send_text_turn(line.strip())
        answered = await Reply(sound, turn_index).read(stream) and answered
        turn_index += 1
    return answered


def _read_wav(path: Path) -> tuple[int, bytes]:
    """Read rate and 16-bit mono samples; more channels are mixed down."""
    try:
        with wave.open(str(path), "rb") as file:
            if file.getsampwidth() != 2:
                raise wrong_usage(f"{path} has {8 * file.getsampwidth()}-bit samples; --file takes 16-bit WAV.")
            frames = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
            return file.getframerate(), frames.mean(axis=1).astype("<i2").tobytes()
    except (wave.Error, EOFError):
        raise wrong_usage(
            f"{path} is not a PCM WAV file; convert it first: ffmpeg -i IN -c:a pcm_s16le OUT.wav"
        ) from None
