import pytest

from soh.fleet.tail import TailScan
from soh.fleet.wire import Encoder
from soh.specs import topics
from soh.specs.schemas import HYDRAULIC_READING

ENCODER = Encoder(topics.HYDRAULIC)
POISON = (b"1000", b"\xff poison")


def ours(facility: int, seq: int) -> tuple[bytes, bytes]:
    fields = {field.name: 1.0 for field in HYDRAULIC_READING.measurements}
    record = fields | {"facility_id": facility, "event_time": 1e9 + seq, "cycle": 0}
    return b"%d" % facility, ENCODER.message(record, seq).value


def scan(log: dict[int, list[tuple[bytes, bytes]]], *facilities: int, low: int = 0) -> tuple[dict[int, int], int]:
    """Last seq by facility found on partitions with these records, and how many records were read."""
    found = TailScan(HYDRAULIC_READING, facilities, {number: (low, len(records)) for number, records in log.items()})
    read = 0
    while ranges := found.next_ranges():
        for partition, (begin, end) in ranges.items():
            assert low <= begin < end <= len(log[partition])
            read += end - begin
            for record in log[partition][begin:end]:
                found.add(*record)
    return {facility: int(one["seq"]) for facility, one in found.last.items()}, read


LONG = [ours(1000, seq) for seq in range(20_000)]


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        pytest.param({0: [], 1: []}, {}, id="empty-topic"),
        pytest.param({0: LONG}, {1000: 19_999}, id="the-last-of-many"),
        pytest.param({0: LONG + [POISON] * 9_000}, {1000: 19_999}, id="poison-at-the-end"),
        pytest.param({0: [POISON] * 5_000, 1: LONG}, {1000: 19_999}, id="poison-alone-on-a-partition"),
        pytest.param({0: [POISON] * 30_000}, {}, id="nothing-but-poison"),
        pytest.param(
            {0: [ours(1001, 7), *LONG], 1: []}, {1000: 19_999, 1001: 7}, id="a-facility-that-was-off-for-long"
        ),
        pytest.param(
            {0: [ours(1000, seq) for seq in range(50)], 1: [ours(1000, seq) for seq in range(50, 60)]},
            {1000: 59},
            id="the-topic-got-more-partitions",
        ),
        pytest.param({0: [ours(1000, 5), ours(1000, 5), ours(1000, 4)]}, {1000: 5}, id="duplicates"),
        pytest.param({0: [ours(7, 3)]}, {}, id="facility-of-somebody-else"),
    ],
)
def test_the_last_seq_of_every_facility_is_found(log, expected):
    wanted = (1000, 1001) if 1001 in expected else (1000,)
    assert scan(log, *wanted)[0] == expected


def test_no_more_is_read_than_needed():
    assert scan({0: LONG, 1: LONG}, 1000)[1] == 2000


def test_a_long_topic_takes_few_rounds():
    found = TailScan(HYDRAULIC_READING, [1000], {0: (0, 1_000_000)})
    assert sum(1 for _ in iter(found.next_ranges, {})) <= 11


def test_every_record_is_read_once_down_to_the_beginning_of_the_topic():
    assert scan({0: [POISON] * 7_777, 1: [POISON] * 10}, 1000)[1] == 7_787
    assert scan({0: [POISON] * 7_777}, 1000, low=7_000)[1] == 777
