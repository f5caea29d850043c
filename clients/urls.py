from django.urls import path

from clients.views import brief, intake, tablet

app_name = "intake"

urlpatterns = [
    path("", intake.overview, name="overview"),
    path("agreements/", intake.consents, name="consents"),
    path("<uuid:pk>/", intake.form, name="form"),
    path("<uuid:pk>/short/", brief.brief, name="brief"),
    path("tablet/<str:token>/", tablet.tablet, name="tablet"),
    path("<uuid:pk>/copy/", intake.copy, name="copy"),
    path("<uuid:pk>/doctor/", intake.doctor, name="doctor"),
    path("<uuid:pk>/<slug:slug>/", intake.part, name="part"),
]
