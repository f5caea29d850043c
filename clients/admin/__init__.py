from clients.admin import people, questionnaire

__all__ = ["people", "questionnaire"]
