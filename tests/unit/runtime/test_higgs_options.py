"""Options of Higgs Audio v3 TTS that cannot be used are refused before anything is loaded, whoever reads them."""

import pytest
import torch

from antiphon_server.errors import InvalidField
from antiphon_server.runtime.checkpoint_options import settled
from antiphon_server.runtime.eager_runner import MOST_SEQUENCES
from antiphon_server.runtime.higgs_options import HiggsOptions
from antiphon_server.runtime.higgs_start import load


@pytest.mark.parametrize(
    ("options", "field", "said"),
    [
        ({"checkpoint": ""}, "checkpoint", "tts.checkpoint is required"),
        ({"checkpoint": "no/such/place"}, "checkpoint", "'no/such/place' is neither a folder"),
        ({"device": "tpu"}, "device", "device must be cpu, cuda or cuda:N, not 'tpu'"),
        ({"device": "cuda:"}, "device", "device must be cpu, cuda or cuda:N, not 'cuda:'"),
        ({"device": ""}, "device", "device must be cpu, cuda or cuda:N, not ''"),
        ({"determinism": "some"}, "determinism", "determinism must be batch_invariant or fast, not 'some'"),
        ({"num_blocks": 63}, "num_blocks", "num_blocks must be at least 64, not 63"),
        ({"dtype": "int8"}, "dtype", "dtype must be bfloat16 or float32, not 'int8'"),
        ({"max_concurrent_calls": MOST_SEQUENCES + 1}, "max_concurrent_calls", "must be 1 to 64, not 65"),
    ],
)
def test_an_option_that_cannot_be_used_is_named_with_what_was_seen(options, field, said, tmp_path):
    given = {"checkpoint": str(tmp_path), **options}
    for act in (lambda: settled(given, HiggsOptions), lambda: load(HiggsOptions(**given))):
        with pytest.raises(InvalidField) as caught:
            act()
        assert caught.value.field == field
        assert said in caught.value.message


def test_a_number_below_its_least_and_an_unknown_option_are_named():
    with pytest.raises(InvalidField, match="num_blocks must be at least 0, not -1"):
        settled({"num_blocks": -1}, HiggsOptions)
    with pytest.raises(InvalidField, match="unknown option 'num_block'; did you mean num_blocks"):
        settled({"num_block": 64}, HiggsOptions)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_gpu_that_is_not_there_is_never_replaced_by_the_cpu(device, tmp_path):
    given = {"checkpoint": str(tmp_path), "device": device}
    for act in (lambda: settled(given, HiggsOptions), lambda: load(HiggsOptions(**given))):
        with pytest.raises(InvalidField, match=f"device '{device}' needs") as caught:
            act()
        assert caught.value.field == "device"


def test_a_folder_takes_the_place_of_what_named_it_and_the_rest_stays(tmp_path):
    given = {"checkpoint": str(tmp_path), "num_blocks": "128"}
    assert settled(given, HiggsOptions) == given
