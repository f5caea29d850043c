from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ProjectConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in

        from config import celery, checks  # the Celery app and the checks exist once Django does
        from config.middleware import begin_anew

        user_logged_in.connect(begin_anew)
        del celery, checks


class DeskConfig(AdminConfig):
    default_site = "config.desk.Desk"
