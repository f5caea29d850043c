"""What therapists set up themselves: their photo, what they give, whom they treat, what is mailed to them."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from booking.enums import FlagState, NotificationKind
from booking.models import Notification, SessionFlag
from booking.notifications.staff import queue_staff_mail
from tests.booking.conftest import NINE, fill_in
from tests.clients.answers import medicine
from tests.factories import LocationFactory, TreatmentFactory
from therapists.models import Painkiller, Photo
from therapists.photos import MOST_BYTES, MOST_PIXELS, SIDE

#: Six in the evening before Tuesday 9 March 2027; London is on UTC then.
SIX = NINE - timedelta(hours=15)
#: Says “turn me” and then where to find a number that is none.
BROKEN_EXIF = (
    b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x03\x01\x19\x00\x02\x00\x00\x00\x04Cam\x00\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"
    b"\x01\x1a\x00\x05\x00\x00\x00\x01\x00\x00\x002\x00\x00\x00\x00\x00\x00\x00H\x10\x00\x00\x01"
)
ON_A_THINNER = {"takes_any": "yes", "med_list": [medicine("Eliquis")]}

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def clock(now):
    with time_machine.travel(now, tick=False):
        yield


@pytest.fixture
def hers(client, tess):
    client.force_login(tess)
    return client


def picture(kind="JPEG", size=(900, 600), **more):
    made = io.BytesIO()
    Image.new("RGB", size, "teal").save(made, kind, **more)
    return made.getvalue()


def about(practice, **change):
    return {"name": practice.tess.name, "focus": "Neck", "about": "", "gender": "", "languages": ["en"]} | change


def sent(content, name="me.jpg"):
    return {"photo": SimpleUploadedFile(name, content, "image/jpeg")}


class TestThePhoto:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    def test_becomes_a_small_square_that_everybody_sees(self, hers, client, practice, kind):
        assert hers.post(reverse("booking:profile_about"), about(practice) | sent(picture(kind))).status_code == 302

        photo = Photo.objects.get(therapist=practice.tess)
        client.logout()
        page = client.get(reverse("booking:landing")).content.decode()
        answer = client.get(reverse("booking:photo", args=[photo.digest]))
        with Image.open(io.BytesIO(answer.content)) as shown:
            assert (shown.format, shown.size) == ("WEBP", (SIDE, SIDE))
        assert reverse("booking:photo", args=[photo.digest]) in page
        assert "immutable" in answer["Cache-Control"]

    def test_keeps_nothing_that_its_camera_noted(self, hers, practice):
        exif = Image.Exif()
        exif[0x010F] = "Camera of Ada Okafor"
        exif[0x0112] = 6  # lies on its side

        hers.post(reverse("booking:profile_about"), about(practice) | sent(picture(exif=exif)))

        kept = bytes(Photo.objects.get().picture)
        with Image.open(io.BytesIO(kept)) as shown:
            assert not shown.getexif()
        assert b"Ada" not in kept

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"<svg onload=alert(1)>", "no picture we can read"),
            (picture()[:300], "no picture we can read"),
            (picture("GIF"), "no picture we can read"),
            (picture("PNG", (MOST_PIXELS // 8000 + 1, 8000)), "too many pixels"),
            (picture(exif=BROKEN_EXIF), "no picture we can read"),
            (picture() + b"\0" * MOST_BYTES, "larger than 12 MB"),
        ],
        ids=["svg", "cut off", "gif", "a bomb", "broken exif", "large"],
    )
    def test_that_is_none_is_refused_in_words_and_nothing_is_lost(self, hers, practice, content, said):
        Photo.objects.put_up(practice.tess, b"the one before")

        answer = hers.post(reverse("booking:profile_about"), about(practice, focus="Jaw") | sent(content))

        practice.tess.refresh_from_db()
        assert answer.status_code == 422
        assert said in answer.content.decode()
        assert 'value="Jaw"' in answer.content.decode()
        assert (bytes(Photo.objects.get().picture), practice.tess.focus) == (b"the one before", "")

    def test_goes_with_a_tick_or_when_its_therapist_takes_no_bookings_any_more(self, hers, client, practice):
        Photo.objects.put_up(practice.tess, b"hers")
        address = reverse("booking:photo", args=[Photo.objects.get().digest])
        practice.tess.is_active = False
        practice.tess.save()
        assert client.get(address).status_code == 404

        hers.post(reverse("booking:profile_about"), about(practice, no_photo="on"))

        assert not Photo.objects.exists()


class TestWhatSheGives:
    def test_is_hers_to_choose_among_what_her_place_offers(self, hers, practice):
        other = TreatmentFactory(location=practice.tess.location, name="Two areas")
        retired = TreatmentFactory(location=practice.tess.location, name="Old", is_active=False, by=[practice.tess])
        elsewhere = TreatmentFactory(location=LocationFactory(name="Harbour"))
        posted = {"least_pressure": "3", "most_pressure": "7", "areas": ["NECK"]}

        assert hers.post(reverse("booking:profile_treatments"), posted | {"treatments": [elsewhere.pk]}).status_code == 422
        assert hers.post(reverse("booking:profile_treatments"), posted | {"treatments": [other.pk]}).status_code == 302

        practice.tess.refresh_from_db()
        assert set(practice.tess.treatments.all()) == {other, retired}
        assert (practice.tess.most_pressure, practice.tess.areas) == (7, ["NECK"])

    def test_has_pressures_in_order(self, hers, practice):
        answer = hers.post(reverse("booking:profile_treatments"), {"least_pressure": "7", "most_pressure": "3"})

        assert answer.status_code == 422
        practice.tess.refresh_from_db()
        assert practice.tess.least_pressure == 3


def limits(**rows):
    """The three lists as posted; of each at most one row, which is new."""
    posted = {}
    for prefix in ("medicines", "conditions", "painkillers"):
        row = rows.get(prefix, {})
        posted |= {f"{prefix}-TOTAL_FORMS": "1", f"{prefix}-INITIAL_FORMS": "0"}
        posted |= {f"{prefix}-0-{name}": value for name, value in row.items()}
    return posted


class TestWhomSheTreats:
    def test_is_weighed_for_what_is_booked_at_once(self, hers, intake, book, practice, now):
        kept = practice.tess.medication_policies.create(medication_class="ANTICOAG", stance="accept", reason="Light work only")
        session = book()
        fill_in(practice.ada, now, **ON_A_THINNER)
        assert SessionFlag.objects.get(appointment=session).state == FlagState.CLEAR
        declines = {"id": kept.pk, "medication_class": "ANTICOAG", "stance": "decline", "reason": ""}
        posted = limits(medicines=declines) | {"medicines-INITIAL_FORMS": "1"}

        answer = hers.post(reverse("booking:profile_limits"), posted, follow=True)

        assert "1 booked session now waits for your decision" in answer.content.decode()
        assert SessionFlag.objects.get(appointment=session).state == FlagState.TO_DECIDE

    def test_is_written_down_with_who_said_so(self, hers, tess, intake, practice):
        hers.post(
            reverse("booking:profile_limits"),
            limits(
                medicines={"medication_class": "ANTICOAG", "stance": "accept", "reason": "Light work only"},
                painkillers={"name": "Cooling gel", "note": "on the skin"},
            ),
        )

        [policy] = practice.tess.medication_policies.all()
        assert (policy.stance, policy.reason, policy.set_by) == ("accept", "Light work only", tess)
        assert Painkiller.objects.get().name == "Cooling gel"

    @pytest.mark.parametrize(
        ("row", "said"),
        [
            ({"medication_class": "ANTICOAG", "stance": "accept", "reason": ""}, "needs a reason"),
            ({"medication_class": "NO_SUCH_CLASS", "stance": "decline", "reason": ""}, "not one of the available choices"),
        ],
    )
    def test_is_refused_where_the_desk_would_be_refused(self, hers, intake, practice, row, said):
        answer = hers.post(reverse("booking:profile_limits"), limits(medicines=row, painkillers={"name": "Cooling gel"}))

        assert answer.status_code == 422
        assert said in answer.content.decode()
        assert not practice.tess.medication_policies.exists()
        assert not Painkiller.objects.exists()


@pytest.mark.parametrize("wanted", [True, False])
def test_who_wants_no_mail_about_the_next_day_gets_none(hers, book, practice, wanted):
    hers.post(reverse("booking:profile_mails"), {"is_told_of_day": "on"} if wanted else {})
    book()

    queue_staff_mail(SIX)

    told = Notification.objects.filter(kind=NotificationKind.DAY_AHEAD, therapist=practice.tess)
    assert told.exists() == wanted


def test_the_page_shows_all_of_it(hers, practice):
    practice.tess.medication_policies.create(medication_class="ANTICOAG", stance="accept", reason="Light work only")

    page = hers.get(reverse("booking:profile")).content.decode()

    assert "Light work only" in page
    assert practice.treatment.name in page
