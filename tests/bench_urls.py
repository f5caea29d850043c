"""The product's addresses and a bare insert beside them."""

from __future__ import annotations

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from config.urls import urlpatterns as product

#: One row like the template, hours later, under a number of its own, with every check and exclusion constraint.
BARE = """
INSERT INTO bare_appointment
SELECT (jsonb_populate_record(template, jsonb_build_object(
    'id', gen_random_uuid(),
    'starts_at', starts_at + make_interval(hours => %(hours)s), 'ends_at', ends_at + make_interval(hours => %(hours)s),
    'blocked_from', blocked_from + make_interval(hours => %(hours)s),
    'blocked_until', blocked_until + make_interval(hours => %(hours)s)
))).*
FROM bare_template AS template
"""


@csrf_exempt
def bare(request: HttpRequest) -> HttpResponse:
    """Insert one constrained row, and nothing else: no lock, no history, no notice, no page."""
    with connection.cursor() as cursor:
        cursor.execute(BARE, {"hours": int(request.POST["hours"])})
    return HttpResponse("ok")


urlpatterns = [*product, path("bare/", bare)]
