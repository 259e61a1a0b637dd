"""What the Higgs engine says of itself."""

from antiphon_server.model.make import SIZES, make_checkpoint
from antiphon_server.runtime.higgs_options import HiggsOptions
from antiphon_server.runtime.higgs_start import load


def test_the_names_that_callers_of_other_services_bring_lead_to_its_own_voice(loaded):
    assert {"alloy", "nova", "chloe", "linda", "belinda", "ono_anna"} <= set(loaded.info.voice_aliases)
    assert set(loaded.info.voice_aliases.values()) == {voice.id for voice in loaded.info.voices} == {"default"}
    assert all(name == name.lower() != "default" for name in loaded.info.voice_aliases)


def test_weights_computed_with_in_another_dtype_are_another_revision(tmp_path):
    for name, seed in (("one", 3), ("other", 4)):
        make_checkpoint(tmp_path / name, SIZES["tiny"], seed=seed)
    revisions = [
        load(HiggsOptions(checkpoint=str(tmp_path / name), dtype=dtype, threads=1, num_blocks=200)).info.revision
        for name, dtype in (("one", "float32"), ("one", "bfloat16"), ("other", "float32"), ("one", "float32"))
    ]
    assert len(set(revisions[:3])) == 3
    assert revisions[0] == revisions[3]
    assert [revision.partition("-")[2] for revision in revisions[:2]] == ["float32-cpu-16", "bfloat16-cpu-16"]
    assert revisions[0].partition("-")[0] == revisions[1].partition("-")[0]


def test_it_says_how_much_there_is_room_for(loaded):
    assert (loaded.info.max_positions, loaded.info.frames_per_s) == (200 * 16, 25)


def test_it_says_so_too_where_the_number_of_blocks_is_left_to_it(tmp_path):
    make_checkpoint(tmp_path / "one", SIZES["tiny"], seed=3)
    assert load(HiggsOptions(checkpoint=str(tmp_path / "one"), threads=1)).info.max_positions == 8192
