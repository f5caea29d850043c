from __future__ import annotations

import factory
from factory.django import DjangoModelFactory

from clients.models import Client, User


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User

    name = factory.Sequence(lambda n: f"Person {n}")
    email = factory.Sequence(lambda n: f"person{n}@example.org")


class ClientFactory(DjangoModelFactory[Client]):
    class Meta:
        model = Client

    user = factory.SubFactory(UserFactory)
    name = factory.SelfAttribute("user.name")
    email = factory.SelfAttribute("user.email")
    phone = "+442079460018"
