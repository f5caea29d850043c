from django.urls import path

from booking.views import choose, confirm, links, repairs, sessions

app_name = "booking"

urlpatterns = [
    path("", choose.landing, name="landing"),
    path("book/", choose.what, name="what"),
    path("book/times/", choose.when, name="when"),
    path("book/plan/<uuid:pk>/", confirm.plan, name="plan"),
    path("book/you/<uuid:pk>/", confirm.you, name="you"),
    path("book/again/<uuid:pk>/", confirm.hold_again, name="hold_again"),
    path("sessions/", sessions.sessions, name="sessions"),
    path("repair/<uuid:pk>/", repairs.repair, name="repair"),
    path("l/<str:token>/", links.open_link, name="link"),
    path("booked/<uuid:pk>/", confirm.booked, name="booked"),
    path("booked/<uuid:pk>/sessions.ics", confirm.booked_calendar, name="booked_calendar"),
]
