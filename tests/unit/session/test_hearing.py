from antiphon_server.engine.protocol import FiredCheck, HeardSegment, HeardWord, LeftOut, Transcript
from antiphon_server.session.events import HeardPiece, Notice, Times
from antiphon_server.session.hearing import UtteranceHearing


def transcript(text: str, *, language: str = "en") -> Transcript:
    segment = HeardSegment(text, 0, 500, words=(HeardWord(text, 10, 490),))
    return Transcript((segment,), language, 0.9, engine_ms=3.0)


def test_times_move_to_the_stream():
    hearing = UtteranceHearing(2, 1000.0)
    hearing.settle(transcript("hello"), 1000.0, 1600.0, "AUDIO")
    final = hearing.final(1600.0, Times())
    assert (final.segments[0].start_ms, final.segments[0].end_ms) == (1000, 1500)
    assert (final.segments[0].words[0].start_ms, final.segments[0].words[0].end_ms) == (1010, 1490)
    assert (final.utterance_index, final.start_ms, final.end_ms) == (2, 1000, 1600)


def test_settled_pieces_join_and_their_times_add_up():
    hearing = UtteranceHearing(0, 0.0)
    hearing.settle(transcript("one"), 0.0, 500.0, "PAUSE")
    hearing.settle(transcript("two", language="de"), 500.0, 1000.0, "AUDIO")
    final = hearing.final(1000.0, Times())
    assert (final.text, final.language, final.language_confidence) == ("one two", "en", 0.9)
    assert hearing.engine_ms == 6.0


def test_an_utterance_without_speech_is_empty_and_says_so():
    final = UtteranceHearing(0, 0.0).final(100.0, Times())
    assert (final.text, final.language, final.has_speech, final.segments) == ("", "", False, ())


def test_a_partial_says_what_is_settled_and_what_agrees_with_the_one_before():
    hearing = UtteranceHearing(0, 0.0)
    hearing.settle(transcript("Settled."), 0.0, 500.0, "LENGTH")
    first = hearing.partial("and then", 700.0)
    assert (first.text, first.num_settled_characters) == ("Settled. and then", 8)
    second = hearing.partial("and thus", 1400.0)
    assert second.stability == len("Settled. and th") / len("Settled. and thus")
    assert second.up_to_ms == 1400


def test_a_partial_that_says_nothing_new_is_not_sent():
    hearing = UtteranceHearing(0, 0.0)
    assert hearing.partial("  ", 100.0) is None
    assert hearing.partial("same", 100.0) is not None
    assert hearing.partial(" same ", 200.0) is None


def test_what_was_left_out_is_told_on_the_clock_of_the_stream():
    hearing = UtteranceHearing(0, 0.0)
    hearing.settle(Transcript((), "en", None, 1.0), 0.0, 500.0, "LENGTH")
    assert hearing.notice() is None
    hearing.settle(Transcript((), "en", None, 1.0, (LeftOut(0, 1500, "UNSURE"),)), 60_000.0, 61_500.0, "LENGTH")
    assert hearing.notice() == Notice(
        "WORDS_LEFT_OUT", "", "left out of the transcript, or cut short: 60.0 to 61.5 s (too unsure)"
    )
    hearing.settle(Transcript((), "en", None, 1.0, (LeftOut(0, 900, "NO_SPEECH"),) * 6), 90_000.0, 95_000.0, "LENGTH")
    assert hearing.notice().message.count("no speech") == 4
    assert hearing.notice().message.endswith("and 2 more")


def test_each_piece_is_told_with_its_checks_on_the_clock_of_the_stream():
    hearing = UtteranceHearing(0, 0.0)
    check = FiredCheck("repetition", 3.0, 2.0, 100, 400)
    hearing.settle(Transcript((), "en", None, 7.0, checks=(check,)), 1000.4, 2000.0, "LENGTH")
    hearing.settle(transcript("two"), 2000.0, 2600.0, "AUDIO", is_partial=True)
    assert hearing.final(2600.0, Times()).pieces == (
        HeardPiece(1000, 2000, "LENGTH", 7.0, (FiredCheck("repetition", 3.0, 2.0, 1100, 1400),)),
        HeardPiece(2000, 2600, "AUDIO", 0.0),
    )
