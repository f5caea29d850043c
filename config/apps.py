from django.apps import AppConfig


class ProjectConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from config import celery, checks  # the Celery app and the checks exist once Django does

        del celery, checks
