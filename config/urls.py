from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path
from django.views.decorators.http import require_safe
from django.views.generic import RedirectView

from config import demonstration, health, metrics

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

handler429 = "config.limits.too_many"  # allauth's

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
    path("demo/<str:token>/", demonstration.sign_in, name="demonstration"),
    path("desk/", admin.site.urls),
    # an address is proved before it is changed: a client's on their own page, and those of staff are kept by a manager
    path("account/email/", require_safe(RedirectView.as_view(pattern_name="booking:new_address")), name="account_email"),
    path("account/", include("allauth.urls")),
    path("intake/", include("clients.urls")),
    path("", include("booking.urls")),
]
