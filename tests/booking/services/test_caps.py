"""What a therapist limits holds for several starts taken at once, and only for what is limited."""

from __future__ import annotations

from datetime import timedelta

import pytest

from booking.exceptions import SlotTaken
from booking.models import Hold
from booking.services.changes import ByHand, Move, move_sessions
from booking.services.guard import Choice
from booking.services.holds import hold_choices
from tests.booking.conftest import NINE
from tests.factories import ClientFactory, TreatmentFactory

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

DAY, LATER = timedelta(days=1), timedelta(minutes=40)


@pytest.fixture(
    params=[
        ({"daily_sessions": 1}, 0),
        ({"daily_firm_minutes": 30}, 25),
        ({"rest_after_sessions": 1, "rest_minutes": 30}, 0),
    ],
    ids=["sessions a day", "firm minutes a day", "rest"],
)
def limited(request, practice):
    caps, practice.treatment.firm_minutes = request.param
    practice.treatment.step = timedelta(minutes=5)
    practice.treatment.save()
    limit(practice.tess, **caps)
    return practice


def limit(therapist, **caps):
    for name, value in caps.items():
        setattr(therapist, name, value)
    therapist.save()


def test_two_starts_that_are_each_free_are_not_held_together(limited, now):
    both = {"owner": "a browser", "treatment": limited.treatment, "now": now}

    with pytest.raises(SlotTaken):
        hold_choices([Choice(limited.tess.pk, NINE, 1), Choice(limited.tess.pk, NINE + LATER, 2)], **both)
    assert not Hold.objects.exists()

    hold_choices([Choice(limited.tess.pk, NINE, 1), Choice(limited.jonas.pk, NINE + LATER, 2)], **both)
    hold_choices([Choice(limited.tess.pk, NINE + DAY, 1), Choice(limited.tess.pk, NINE + 2 * DAY, 2)], **both)


def test_two_sessions_are_not_moved_there_together(limited, book, now):
    first, second = book(), book(starts_at=NINE + DAY)
    there = NINE + 2 * DAY

    with pytest.raises(SlotTaken):
        move_sessions(
            [Move(first, limited.tess.pk, there), Move(second, limited.tess.pk, there + LATER)], by=limited.finn, now=now
        )

    first.refresh_from_db()
    assert first.starts_at == NINE


def test_a_session_that_would_join_two_rows_is_refused_though_each_has_room_for_one_more(practice, book):
    practice.treatment.step = timedelta(minutes=5)
    practice.treatment.save()
    limit(practice.tess, rest_after_sessions=2, rest_minutes=45)
    book()
    book(client=practice.bo, starts_at=NINE + timedelta(minutes=100))
    between, beside = NINE + timedelta(minutes=50), NINE + timedelta(minutes=155)

    with pytest.raises(SlotTaken):
        book(client=ClientFactory(), starts_at=between)
    book(client=ClientFactory(), starts_at=beside)


def test_a_length_set_by_hand_counts_with_the_others(practice, book, tess, now):
    """Two of which one was made 50 minutes long: together more than 70 a day."""
    limit(practice.tess, daily_minutes=70)
    first, second = book(), book(starts_at=NINE + DAY)
    longer = Move(first, practice.tess.pk, NINE, ByHand(timedelta(minutes=50)))
    move_sessions([longer], by=tess, now=now, practice_initiated=True)
    first.refresh_from_db()
    there = NINE + 2 * DAY

    moves = [Move(first, practice.tess.pk, there), Move(second, practice.tess.pk, there + timedelta(hours=1))]
    with pytest.raises(SlotTaken):
        move_sessions(moves, by=practice.finn, now=now)

    limit(practice.tess, daily_minutes=80)
    move_sessions(moves, by=practice.finn, now=now)


def test_a_gentle_session_is_offered_where_firm_minutes_are_used_up(practice, book, now):
    practice.treatment.firm_minutes = 25
    practice.treatment.save()
    book()
    limit(practice.tess, daily_firm_minutes=20)
    gentle = TreatmentFactory(location=practice.treatment.location, by=[practice.tess], in_rooms=practice.rooms)
    at = NINE + timedelta(hours=3)

    book(client=ClientFactory(), treatment=gentle, starts_at=at)
    with pytest.raises(SlotTaken):
        book(client=ClientFactory(), starts_at=at + timedelta(hours=1))
