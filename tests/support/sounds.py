"""Sound without a word in it: silence, noise, tones, clicks, music and breath, seeded, 16 000 Hz, signed 16 bits."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

RATE_HZ = 16_000
DTMF_HZ = [(low, high) for low in (697, 770, 852, 941) for high in (1209, 1336, 1477, 1633)]
Samples = npt.NDArray[np.float64]


def pcm_of_sound(name: str, seconds: float, *, seed: int = 7) -> bytes:
    """Make ``seconds`` of one of :data:`SOUNDS`; the same seed gives the same samples."""
    num_samples = round(seconds * RATE_HZ)
    samples = SOUNDS[name](num_samples, np.random.default_rng(seed))
    return np.clip(np.rint(samples[:num_samples] * 32_767), -32_768, 32_767).astype("<i2").tobytes()


def _level(samples: Samples, dbfs: float) -> Samples:
    """Bring to a root mean square of ``dbfs``."""
    return samples * (10 ** (dbfs / 20) / float(np.sqrt(np.mean(samples**2))))


def _white(dbfs: float) -> Callable[[int, np.random.Generator], Samples]:
    return lambda num, rng: _level(rng.standard_normal(num), dbfs)


def _coloured(dbfs: float, power: float) -> Callable[[int, np.random.Generator], Samples]:
    """Noise whose power falls with the frequency's ``power``: 1 is pink, 2 is brown."""

    def make(num: int, rng: np.random.Generator) -> Samples:
        spectrum = np.fft.rfft(rng.standard_normal(num))
        hz = np.maximum(np.fft.rfftfreq(num, 1 / RATE_HZ), 20.0)
        return _level(np.fft.irfft(spectrum / hz ** (power / 2), num), dbfs)

    return make


def _tone(*hz: float) -> Callable[[int, np.random.Generator], Samples]:
    def make(num: int, _: np.random.Generator) -> Samples:
        at_s = np.arange(num) / RATE_HZ
        return _level(sum((np.sin(2 * np.pi * each * at_s) / n for n, each in enumerate(hz, 1)), np.zeros(num)), -20)

    return make


def _sweep(num: int, _: np.random.Generator) -> Samples:
    """Up from 50 to 7000 Hz, every 10 s anew."""
    at_s = np.arange(num) / RATE_HZ % 10.0
    rise = np.log(7000 / 50) / 10.0
    return 0.2 * np.sin(2 * np.pi * 50 * (np.exp(rise * at_s) - 1) / rise)


def _dtmf(num: int, rng: np.random.Generator) -> Samples:
    """Keys of a telephone: 200 ms of two tones, then 200 ms of rest."""
    at_s = np.arange(RATE_HZ // 5) / RATE_HZ
    keys = [sum(np.sin(2 * np.pi * hz * at_s) for hz in DTMF_HZ[rng.integers(16)]) for _ in range(num // 6400 + 1)]
    return np.concatenate([piece for key in keys for piece in (0.2 * key, np.zeros(RATE_HZ // 5))])


def _clicks(num: int, rng: np.random.Generator) -> Samples:
    """Three clicks a second at random moments, each gone within milliseconds."""
    samples = np.zeros(num + 200)
    for at in rng.integers(0, num, num * 3 // RATE_HZ):
        samples[at : at + 200] += rng.uniform(0.1, 0.8) * rng.standard_normal(200) * np.exp(-np.arange(200) / 30)
    return samples


def _chords(num: int, rng: np.random.Generator) -> Samples:
    """A chord every half second: plucked notes with overtones and a slight vibrato."""
    at_s = np.arange(RATE_HZ) / RATE_HZ
    samples = np.zeros(num + RATE_HZ)
    for start in range(0, num, RATE_HZ // 2):
        root_hz = 110 * 2 ** (rng.integers(0, 24) / 12)
        for step in (0, 4, 7):
            phase = 2 * np.pi * root_hz * 2 ** (step / 12) * (at_s + 0.0005 * np.sin(2 * np.pi * 5 * at_s))
            overtones = sum(np.sin(n * phase) / n for n in range(1, 6))
            samples[start : start + RATE_HZ] += 0.06 * overtones * np.exp(-3 * at_s)
    return samples


def _hissing(num: int, rng: np.random.Generator) -> Samples:
    """Noise that swells and fades four times a second, at the pace of syllables."""
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * 4 * np.arange(num) / RATE_HZ)
    return _level(_coloured(-20, 1.0)(num, rng) * swell, -20)


def _vowels(num: int, rng: np.random.Generator) -> Samples:
    """A buzz of 120 Hz through moving resonances: the nearest to a voice that says nothing."""
    at_s = np.arange(num) / RATE_HZ
    hz = 120 * (1 + 0.1 * np.sin(2 * np.pi * 0.3 * at_s))
    phase = 2 * np.pi * np.cumsum(hz) / RATE_HZ
    first_hz = 500 + 250 * np.sin(2 * np.pi * 1.7 * at_s + rng.uniform(0, 6))
    second_hz = 1500 + 600 * np.sin(2 * np.pi * 1.1 * at_s + rng.uniform(0, 6))
    samples = np.zeros(num)
    for n in range(1, 30):
        near = np.exp(-(((n * hz - first_hz) / 120) ** 2)) + 0.5 * np.exp(-(((n * hz - second_hz) / 180) ** 2))
        samples += (near + 0.02) * np.sin(n * phase)
    return _level(samples * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * at_s)), -20)


def _breath(num: int, rng: np.random.Generator) -> Samples:
    """Somebody breathes into a microphone: a second in, a second and a half out, a rest, and no voice in it."""
    at_s = np.arange(num) / RATE_HZ % 4.0
    drawn = np.sin(np.pi * np.clip(at_s, 0, 1.0)) * 0.5 + np.sin(np.pi * np.clip((at_s - 1.3) / 1.5, 0, 1)) ** 2
    spectrum = np.fft.rfft(rng.standard_normal(num))
    hz = np.fft.rfftfreq(num, 1 / RATE_HZ)
    bands = sum(np.exp(-(((hz - middle) / wide) ** 2)) for middle, wide in ((600, 250), (1700, 400), (3000, 800)))
    return _level(np.fft.irfft(spectrum * bands, num) * np.maximum(drawn, 0), -25)


def _room(num: int, rng: np.random.Generator) -> Samples:
    """An empty office: air conditioning, hum of the mains, and now and then a knock or a creak."""
    samples = _coloured(-42, 2.0)(num, rng) + _level(_tone(100, 200, 300)(num, rng), -55)
    at_s = np.arange(RATE_HZ // 2) / RATE_HZ
    for at in rng.integers(0, max(1, num - len(at_s)), num // (4 * RATE_HZ)):
        hz = rng.uniform(80, 900)
        knock = np.sin(2 * np.pi * hz * at_s * (1 + rng.uniform(0, 0.5) * at_s)) * np.exp(-at_s * rng.uniform(8, 40))
        part = samples[at : at + len(at_s)]
        part += rng.uniform(0.02, 0.2) * knock[: len(part)]
    return samples


def _typing(num: int, rng: np.random.Generator) -> Samples:
    """A keyboard: bursts of six strokes a second, each a click down and a softer one up."""
    samples = np.zeros(num + RATE_HZ)
    for start in range(0, num, RATE_HZ * 3):
        for at in start + np.cumsum(rng.uniform(0.1, 0.25, 10) * RATE_HZ).astype(int):
            for later, loud in ((0, 0.3), (RATE_HZ // 15, 0.1)):
                begin = min(int(at) + later, num)
                samples[begin : begin + 400] += loud * rng.standard_normal(400) * np.exp(-np.arange(400) / 60)
    return samples


def _melody(num: int, rng: np.random.Generator) -> Samples:
    """One voice of a flute, as near to humming as it gets: notes with overtones, vibrato and a soft attack."""
    scale = 262 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12]) / 12)
    notes = rng.integers(0, len(scale), num // 8_000 + 1)
    hz = np.repeat(scale[notes], 8_000)[:num]
    at_s = np.arange(num) / RATE_HZ
    phase = 2 * np.pi * np.cumsum(hz * (1 + 0.01 * np.sin(2 * np.pi * 5.5 * at_s))) / RATE_HZ
    swell = np.minimum(1, np.arange(num) % 8_000 / 1_200) * np.minimum(1, (8_000 - np.arange(num) % 8_000) / 1_600)
    return _level(sum((np.sin(n * phase) / n**2 for n in range(1, 5)), np.zeros(num)) * swell, -20)


def _ringing(num: int, _: np.random.Generator) -> Samples:
    """A telephone that rings: 440 and 480 Hz, two seconds of every six."""
    at_s = np.arange(num) / RATE_HZ
    tones = np.sin(2 * np.pi * 440 * at_s) + np.sin(2 * np.pi * 480 * at_s)
    return 0.1 * tones * (at_s % 6.0 < 2.0)


SOUNDS: dict[str, Callable[[int, np.random.Generator], Samples]] = {
    "silence": lambda num, _: np.zeros(num),
    "white -60 dBFS": _white(-60),
    "pink -60 dBFS": _coloured(-60, 1.0),
    "white -20 dBFS": _white(-20),
    "pink -20 dBFS": _coloured(-20, 1.0),
    "brown -20 dBFS": _coloured(-20, 2.0),
    "pulsing -20 dBFS": _hissing,
    "hum 50 Hz": _tone(50, 100, 150, 200, 250),
    "tone 440 Hz": _tone(440),
    "sweep": _sweep,
    "dtmf": _dtmf,
    "clicks": _clicks,
    "chords": _chords,
    "breath": _breath,
    "room": _room,
    "typing": _typing,
    "melody": _melody,
    "ringing": _ringing,
    "vowels": _vowels,
}
"""Makers by name: number of samples and a generator in, samples of -1 to 1 out."""
