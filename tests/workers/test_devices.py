"""Which GPUs a worker is given."""

from adamms.workers.devices import gpus_of


def test_workers_have_gpus_of_their_own_and_share_where_there_are_too_few() -> None:
    gpus = ("0", "1", "2", "3")
    assert [gpus_of(worker, gpus, per_worker=1) for worker in range(3)] == [("0",), ("1",), ("2",)]
    assert [gpus_of(worker, gpus, per_worker=2) for worker in range(3)] == [
        ("0", "1"),
        ("2", "3"),
        ("0", "1"),
    ]
