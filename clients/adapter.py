from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):
    """Clients come into being by booking, staff by a manager: nobody signs up on a page of its own."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
