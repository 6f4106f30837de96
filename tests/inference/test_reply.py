"""Text of a reply while its tokens come: whole characters, stop strings, nothing shown too early."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmolmo.words.reply import ReplyText


def by_bytes(ids):
    """A tokenizer of bytes."""
    return bytes(ids).decode("utf-8", errors="replace")


def read(text, stop=()):
    """(final text, what was ready after each byte)."""
    reply, shown = ReplyText(by_bytes, stop), []
    for byte in text.encode() if isinstance(text, str) else text:
        stopped = reply.add(byte)
        shown.append(reply.ready)
        if stopped:
            break
    return reply.finish(), shown


def test_a_character_of_several_tokens_appears_whole():
    _, shown = read("é€𝄞a")
    assert shown == ["", "é", "é", "é", "é€", "é€", "é€", "é€", "é€𝄞", "é€𝄞a"]


def test_broken_characters_are_kept_and_do_not_hold_up_what_follows():
    final, shown = read(b"a\xffb\xe2\x82")
    assert shown[2] == "a\ufffdb"
    assert final == b"a\xffb\xe2\x82".decode(errors="replace")


def test_a_reply_ends_before_its_first_stop_string():
    final, shown = read("one. two; three", stop=(";", "tw"))
    assert final == "one. "
    assert shown[-1] == "one."
    assert not any("t" in text for text in shown)


def test_what_may_become_a_stop_string_is_held_back_and_given_when_it_does_not():
    final, shown = read("ab<en<end> c", stop=("<end>",))
    assert final == "ab<en"
    assert shown[3] == "ab"  # "<e" could go on to be the stop string
    assert "ab<en" in shown
    assert read("ab<en", stop=("<end>",))[0] == "ab<en"


@settings(deadline=None)
@given(st.text(max_size=30), st.lists(st.text(min_size=1, max_size=4), max_size=3))
def test_what_is_shown_grows_into_the_final_text(text, stop):
    final, shown = read(text, stop)
    for earlier, later in zip(["", *shown], [*shown, final.strip()], strict=True):
        assert later.startswith(earlier)
    whole = text.encode().decode(errors="replace")
    places = [(whole.find(s) + len(s), whole.find(s)) for s in stop if s in whole]
    assert final == (whole[: min(places)[1]] if places else whole)  # the one that is complete first


def test_text_is_that_of_all_tokens_at_once(processor):
    text = "User: Point to the red star – naïve café 𝄞 漢字\n\nend"
    ids = processor.tokenizer.encode(text)
    reply = ReplyText(processor.tokenizer.decode)
    for token in ids:
        reply.add(token)
    assert reply.finish() == text == processor.tokenizer.decode(ids)


@pytest.mark.parametrize("stop", [(), ("x",)])
def test_an_empty_reply_has_no_text(stop):
    assert read("", stop) == ("", [])
