from antiphon_server.worker.backoff import Backoff


def test_delay_doubles_at_each_death_up_to_the_limit():
    backoff = Backoff(first_s=0.1, max_s=30.0, healthy_after_s=60.0)
    delays = [backoff.delay_after(1.0) for _ in range(10)]
    assert delays == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0]


def test_delay_after_a_minute_of_health_is_the_first_again():
    backoff = Backoff(first_s=0.1, max_s=30.0, healthy_after_s=60.0)
    assert [backoff.delay_after(healthy_s) for healthy_s in (0.0, 0.0, 59.9, 60.0, 0.0)] == [0.1, 0.2, 0.4, 0.1, 0.2]


def test_delay_stays_at_the_limit_for_ever():
    backoff = Backoff(first_s=0.1, max_s=30.0, healthy_after_s=60.0)
    assert {backoff.delay_after(0.0) for _ in range(2000)} >= {30.0}
    assert backoff.delay_after(0.0) == 30.0
