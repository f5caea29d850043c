from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ProjectConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from config import celery, checks  # the Celery app and the checks exist once Django does

        del celery, checks


class DeskConfig(AdminConfig):
    default_site = "config.desk.Desk"
