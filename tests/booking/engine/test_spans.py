"""What is done with spans, against sets of minutes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking.engine.spans import Span, merge, subtract

pytestmark = pytest.mark.unit

spans = st.lists(st.builds(lambda start, length: Span(start, start + length), st.integers(0, 40), st.integers(1, 12)), max_size=6)


def minutes(found):
    return {minute for span in found for minute in range(span.start, span.end)}


@given(open_spans=spans, taken=spans)
def test_what_is_left_is_the_difference_of_the_minutes_in_order_and_apart(open_spans, taken):
    left = subtract(open_spans, taken)

    assert minutes(left) == minutes(open_spans) - minutes(taken)
    assert merge(left) == left
    assert all(span.start < span.end for span in left)
