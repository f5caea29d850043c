from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from config import demonstration, health, metrics

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

handler429 = "config.limits.too_many"  # allauth's

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("demo/<str:token>/", demonstration.sign_in, name="demonstration"),
    path("desk/", admin.site.urls),
    path("account/", include("allauth.urls")),
    path("intake/", include("clients.urls")),
    path("", include("booking.urls")),
]
