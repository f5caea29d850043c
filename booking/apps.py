from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class BookingConfig(AppConfig):
    name = "booking"
    verbose_name = _("Booking")

    def ready(self) -> None:
        from booking.services.audit import on_details_changed, on_health_read  # models exist only now
        from booking.services.intake import on_answers_changed
        from booking.services.notes import on_readings_asked
        from clients.roles import keep_groups
        from clients.signals import answers_changed, details_changed, health_read, readings_asked

        answers_changed.connect(on_answers_changed)
        details_changed.connect(on_details_changed)
        health_read.connect(on_health_read)
        readings_asked.connect(on_readings_asked)
        # the last of the three apps to get its permissions
        post_migrate.connect(keep_groups, sender=self)
