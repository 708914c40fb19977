"""The records of the `panes` topic, on the wire and back."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.panes.codec import pack, unpack
from monitor.panes.messages import (
    END,
    UNHEARD,
    InputPane,
    Loss,
    Message,
    OutcomePane,
    Progress,
    Unremembered,
    decode,
    encode,
)

MS = st.integers(UNHEARD, END)
NAMES = st.text(min_size=1, max_size=20)
COUNTS = st.lists(st.integers(0, 10**6), max_size=12).map(lambda c: pack(np.array(c, dtype=int)))

MESSAGES = st.one_of(
    st.builds(InputPane, NAMES, NAMES, MS, st.integers(0, 999), st.integers(0, 99),
              st.integers(0, 10**9), NAMES, COUNTS, on_time=st.booleans()),
    st.builds(OutcomePane, NAMES, NAMES, MS, st.integers(0, 999), st.integers(0, 10**9), NAMES,
              COUNTS),
    st.builds(Loss, NAMES, MS, st.integers(0, 999), *[st.integers(0, 10**9)] * 3, topic=NAMES,
              misplaced=st.integers(0, 10**9)),
    st.builds(Unremembered, NAMES, NAMES, MS, st.integers(0, 999), st.integers(0, 10**9)),
    st.builds(Progress, st.integers(0, 999), st.dictionaries(NAMES, MS),
              st.dictionaries(NAMES, MS), st.dictionaries(NAMES, st.integers(0, 2**62)),
              read=st.dictionaries(NAMES, MS), told=st.none() | MS),
)  # fmt: skip

FINGERPRINT = "ab" * 16
#: Written by format 1. Workers of two versions share a topic during an upgrade.
STORED: dict[str, Message] = {
    "9aa5696e707574a16da3312e32cf0000013efa5d040003012ad920616261626162616261626162616261626162"
    "6162616261626162616261626162c40d4228b52ffd2003190000002a0001": InputPane(
        "m", "1.2", 1_370_000_000_000, 3, 1, 42, FINGERPRINT, pack(np.array([0, 42, 0]))
    ),
    "99a76f7574636f6d65a16da3312e32cf0000013efa5d0400032ad9206162616261626162616261626162616261"
    "626162616261626162616261626162c4126928b52ffd2008410000ffffffff0200000001": OutcomePane(
        "m", "1.2", 1_370_000_000_000, 3, 42, FINGERPRINT, pack(np.array([-1, 2]))
    ),
    "98a870726f67726573730282a16dcf0000013efa5d0400a16ecf400000000000000081a16dd3c0000000000000"
    "00cf0000013efa5d03ff81ab70726564696374696f6e731191a66c6162656c7301": Progress(
        2,
        {"m": 1_370_000_000_000, "n": END},
        {"m": UNHEARD},
        {"predictions": 17},
        format=1,
    ),
}


#: Written by format 2 of progress, the first of losses, and since panes may be told on time.
STORED_2: dict[str, Message] = {
    "9aa970726f6772657373320282a16dcf0000013efa5d0400a16ecf400000000000000081a16dd3c0000000000000"
    "0081ab70726564696374696f6e73110281ab70726564696374696f6e73cf0000013efa5e8aa081a16dcf0000013e"
    "bec23a0081a16dd3c000000000000000c0": Progress(
        2,
        {"m": 1_370_000_000_000, "n": END},
        {"m": UNHEARD},
        {"predictions": 17},
        read={"predictions": 1_370_000_100_000},
        past_inputs={"m": 1_369_000_000_000},
        past_labels={"m": UNHEARD},
    ),
    "9ba5696e707574a16da3312e32cf0000013efa5d040003012ad920616261626162616261626162616261626162"
    "6162616261626162616261626162c40d4228b52ffd2003190000002a0001c3": InputPane(
        "m",
        "1.2",
        1_370_000_000_000,
        3,
        1,
        42,
        FINGERPRINT,
        pack(np.array([0, 42, 0])),
        on_time=True,
    ),
    "9aa46c6f7373a16dcf0000013efa5d0400030102cd012c01a66c6162656c7307": Loss(
        "m", 1_370_000_000_000, 3, 1, 2, 300, topic="labels", misplaced=7
    ),
    "97ac756e72656d656d6265726564a16da3312e32cf0000013efa5d0400030701": Unremembered(
        "m", "1.2", 1_370_000_000_000, 3, 7
    ),
}
#: Before losses had a topic, and what is misplaced.
LOSS_BEFORE = "98a46c6f7373a16dcf0000013efa5d0400030102cd012c01"


@given(MESSAGES)
def test_a_message_comes_back_as_it_was(message: Message) -> None:
    back = decode(encode(message))
    assert back == message
    assert type(back) is type(message)


@pytest.mark.parametrize("stored", STORED)
def test_messages_of_format_1_are_still_read(stored: str) -> None:
    message = decode(bytes.fromhex(stored))
    assert message == STORED[stored]
    assert message.format == 1


def test_losses_of_before_they_had_a_topic_are_of_predictions() -> None:
    lost = decode(bytes.fromhex(LOSS_BEFORE))
    assert lost == Loss("m", 1_370_000_000_000, 3, 1, 2, 300, topic="predictions", misplaced=0)


@pytest.mark.parametrize("stored", STORED_2)
def test_messages_as_they_are_written_now_stay_readable(stored: str) -> None:
    assert decode(bytes.fromhex(stored)) == STORED_2[stored]
    assert encode(STORED_2[stored]).hex() == stored


def test_progress_of_an_earlier_format_keeps_what_is_still_asked_for() -> None:
    before = ["progress", 2, {"m": 5}, {"m": 4}, 3, {"labels": 2}, ["labels"], 1, {"labels": 9},
              {"m": 1}, {"m": 0}, 7]  # fmt: skip
    assert decode(msgspec.msgpack.encode(before)) == Progress(
        2, {"m": 5}, {"m": 4}, {"labels": 2}, 1, {"labels": 9}, {"m": 1}, {"m": 0}, 7
    )


def test_a_later_version_may_append_fields() -> None:
    """N and N+1 run side by side: what N does not know of, it skips."""
    sent = msgspec.msgpack.decode(encode(InputPane("m", "1", 0, 0, 0, 5, "", pack(np.zeros(2)))))
    message = decode(msgspec.msgpack.encode([*sent, "a field of tomorrow"]))
    assert isinstance(message, InputPane)
    assert message.rows == 5


def test_the_counts_of_a_message_are_the_counts_of_the_pane() -> None:
    counts = np.array([5, 0, -2, 70_000])
    message = decode(encode(OutcomePane("m", "1", 0, 0, 9, "", pack(counts))))
    assert isinstance(message, OutcomePane)
    assert unpack(message.counts, 4).tolist() == counts.tolist()


@pytest.mark.parametrize("value", [b"", b"\x00", b'{"type":"input"}', b"\x92\xa3new\x01"])
def test_what_is_no_message_is_refused(value: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(value)
