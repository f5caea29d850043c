"""``/metrics`` for Prometheus: what stands in the database, so that every process gives the same answer."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from booking.models import Notification
from config.health import is_well, state


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For whoever shows METRICS_TOKEN; without one in the environment there is nothing here for anybody.

    The requests are counted process by process, so they are told only where the processes share PROMETHEUS_MULTIPROC_DIR.
    """
    if not _may_read(request):
        raise Http404
    page = generate_latest(_REGISTRY)
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        page += ExportToDjangoView(request).content
    return HttpResponse(page, content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    wanted = str(settings.METRICS_TOKEN)
    return bool(wanted) and scheme == "Bearer" and secrets.compare_digest(token.encode(), wanted.encode())


class Practice(Collector):
    """Read anew at each request. With the database away it tells that, and no number that would look like none."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        parts = state()
        up = GaugeMetricFamily("unknot_up", "Whether a part is as it should be, as in /readyz", labels=["part"])
        for name, found in parts.items():
            up.add_metric([name], is_well(name, found))
        yield up
        yield from _signs_of_life()
        if parts["outbox"] is not False:
            yield GaugeMetricFamily(
                "unknot_outbox_age_seconds", "Since the oldest notice was due that nobody is sending", value=parts["outbox"]
            )
            yield from _notices(datetime.now(UTC))


def _signs_of_life() -> Iterator[GaugeMetricFamily]:
    ages = GaugeMetricFamily("unknot_sign_of_life_age_seconds", "Since worker and beat were last seen", labels=["who"])
    try:
        seen = cache.get_many(["alive:worker", "alive:beat"])
    except Exception:  # a cache that is away leaves no signs, which unknot_up tells
        seen = {}
    for key, at in seen.items():
        ages.add_metric([key.removeprefix("alive:")], time.time() - at)
    yield ages


def _notices(now: datetime) -> Iterator[GaugeMetricFamily]:
    labels = ("kind", "channel", "state")
    notices = GaugeMetricFamily("unknot_notices", "Notices by kind, channel and state", labels=labels)
    doubts = GaugeMetricFamily("unknot_notice_doubts", "Tries of which it is not known whether they left", labels=labels)
    for row in Notification.objects.order_by().values(*labels).annotate(rows=Count("pk"), doubts=Sum("doubts")):
        which = [row[label] for label in labels]
        notices.add_metric(which, row["rows"])
        doubts.add_metric(which, row["doubts"])
    yield notices
    yield doubts
    yield GaugeMetricFamily("unknot_notices_due", "Notices due and not taken up", value=Notification.objects.due(now).count())
    yield GaugeMetricFamily(
        "unknot_notices_abandoned", "Taken up by somebody whose lease is over", value=Notification.objects.abandoned(now).count()
    )


_REGISTRY = CollectorRegistry()
_REGISTRY.register(Practice())
