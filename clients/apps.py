from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ClientsConfig(AppConfig):
    name = "clients"
    verbose_name = _("Clients")

    def ready(self) -> None:
        from allauth.mfa.signals import authenticator_added, authenticator_used

        from clients.adapter import on_authenticator_added, on_authenticator_used  # models exist only now
        from clients.recovery import keep_only_hashes

        authenticator_added.connect(on_authenticator_added)
        authenticator_used.connect(on_authenticator_used)
        keep_only_hashes()
