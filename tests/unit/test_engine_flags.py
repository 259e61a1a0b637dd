"""Which model the flags of antiphon-server mean, and what they refuse."""

import pytest

from antiphon_server.__main__ import main


@pytest.mark.parametrize(
    ("flags", "lines"),
    [
        ("--stt higgs --checkpoint ear", ['stt.engine = "higgs"', 'stt.options.checkpoint = "ear"']),
        ("--tts higgs --checkpoint mouth", ['tts.options.checkpoint = "mouth"']),
        (
            "--tts higgs --stt higgs --checkpoint mouth --stt-checkpoint ear",
            ['tts.options.checkpoint = "mouth"', 'stt.options.checkpoint = "ear"'],
        ),
        ("--stt whisper --checkpoint tiny.en", ['stt.options.model = "tiny.en"']),
        (
            "--tts higgs --stt whisper --checkpoint mouth --stt-checkpoint tiny.en --device cpu",
            ['tts.options.checkpoint = "mouth"', 'stt.options.model = "tiny.en"', 'stt.options.device = "cpu"'],
        ),
    ],
)
def test_a_checkpoint_goes_to_the_model_it_is_for(flags, lines, capsys):
    assert main([*flags.split(), "--print-config"]) == 0
    shown = capsys.readouterr().out
    for line in lines:
        assert line in shown


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--checkpoint ear", "--checkpoint and --device need --tts higgs, --stt higgs or --stt whisper"),
        ("--tts hibari --device cuda", "--checkpoint and --device need"),
        ("--tts higgs --checkpoint a --stt-checkpoint b", "--stt-checkpoint needs --stt higgs or --stt whisper"),
        ("--tts higgs --stt higgs --checkpoint a", "are two models: give --checkpoint and --stt-checkpoint"),
        ("--tts higgs --stt higgs --stt-checkpoint a", "are two models"),
    ],
)
def test_a_flag_without_a_taker_is_refused_in_one_sentence(flags, said, capsys):
    assert main(flags.split()) == 2
    assert said in capsys.readouterr().err
