from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BookingConfig(AppConfig):
    name = "booking"
    verbose_name = _("booking")

    def ready(self) -> None:
        from booking.services.audit import on_details_changed, on_health_read  # models exist only now
        from booking.services.intake import on_answers_changed
        from booking.services.notes import on_readings_asked
        from clients.signals import answers_changed, details_changed, health_read, readings_asked

        answers_changed.connect(on_answers_changed)
        details_changed.connect(on_details_changed)
        health_read.connect(on_health_read)
        readings_asked.connect(on_readings_asked)
