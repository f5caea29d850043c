from django.urls import path

from booking.views import changes, choose, confirm, held, links, messages, plan, repairs, sessions, treating, waitlist

app_name = "booking"

urlpatterns = [
    path("", choose.landing, name="landing"),
    path("book/", choose.what, name="what"),
    path("book/times/", choose.when, name="when"),
    path("book/plan/<uuid:pk>/", plan.plan, name="plan"),
    path("book/you/<uuid:pk>/", confirm.you, name="you"),
    path("book/again/<uuid:pk>/", held.hold_again, name="hold_again"),
    path("sessions/", sessions.sessions, name="sessions"),
    path("sessions/sign-in/", sessions.sign_in_by_code, name="sign_in"),
    path("sessions/<uuid:pk>/session.ics", sessions.session_calendar, name="session_calendar"),
    path("sessions/series/<uuid:pk>/series.ics", sessions.series_calendar, name="series_calendar"),
    path("sessions/<uuid:pk>/move/", changes.move, name="move"),
    path("sessions/<uuid:pk>/move/confirm/", changes.confirm_move, name="confirm_move"),
    path("sessions/<uuid:pk>/cancel/", changes.cancel, name="cancel"),
    path("sessions/<uuid:pk>/intake/", treating.intake, name="session_intake"),
    path("sessions/undo/<uuid:pk>/", changes.undo, name="undo"),
    path("therapist/", treating.week, name="therapist"),
    path("waitlist/", waitlist.join, name="wish"),
    path("waitlist/earlier/<uuid:pk>/", waitlist.earlier, name="wish_earlier"),
    path("waitlist/<uuid:pk>/withdraw/", waitlist.withdraw, name="withdraw_wish"),
    path("offers/<uuid:pk>/", waitlist.offer, name="offer"),
    path("repair/<uuid:pk>/", repairs.repair, name="repair"),
    path("sessions/messages/", messages.choices, name="messages"),
    path("stop/<str:token>/", messages.stop, name="stop"),
    path("l/<str:token>/", links.open_link, name="link"),
    path("booked/<uuid:pk>/", confirm.booked, name="booked"),
    path("booked/<uuid:pk>/undo/", confirm.undo_booked, name="undo_booked"),
    path("booked/<uuid:pk>/sessions.ics", confirm.booked_calendar, name="booked_calendar"),
]
