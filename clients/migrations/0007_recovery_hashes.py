"""Recovery codes become hashes, of the unused ones of each set; clients without a password get one that nobody can type.

Whoever wrote their codes down goes on using them. A client who is signed in meanwhile signs in once more, by a code. Neither can
be taken back.
"""

import hmac
from hashlib import sha1

from allauth.mfa import app_settings
from allauth.mfa.utils import decrypt
from django.contrib.auth.hashers import make_password
from django.db import migrations

DIGITS = 8


def codes_of(data):
    """The codes that allauth works out from what it keeps, without those that were used."""
    if "migrated_codes" in data:
        return [decrypt(code) for code in data["migrated_codes"]]
    worked_out = hmac.new(decrypt(data["seed"]).encode("ascii"), digestmod=sha1)
    codes = []
    for number in range(app_settings.RECOVERY_CODE_COUNT):
        worked_out.update(f"{number:3},".encode())
        value = int.from_bytes(worked_out.digest()[: DIGITS // 2], byteorder="big")
        codes.append(str(value % 10**DIGITS).zfill(DIGITS))
    return [code for number, code in enumerate(codes) if not data["used_mask"] & (1 << number)]


def keep_only_hashes(apps, schema_editor):
    """A set that nobody has looked at yet stays empty: its codes come into being on the page that shows them."""
    for kept in apps.get_model("mfa", "Authenticator").objects.filter(type="recovery_codes").exclude(data__has_key="hashes"):
        hashes = {"hashes": []}
        if seen := kept.data.get("viewed_at"):
            hashes = {"hashes": [make_password(code) for code in codes_of(kept.data)], "viewed_at": seen}
        kept.data = hashes
        kept.save(update_fields=["data"])


def make_unusable(apps, schema_editor):
    for user in apps.get_model("clients", "User").objects.filter(password="").iterator():
        user.password = make_password(None)
        user.save(update_fields=["password"])


class Migration(migrations.Migration):
    dependencies = [
        ("clients", "0006_search"),
        ("mfa", "0003_authenticator_type_uniq"),
    ]

    operations = [
        migrations.RunPython(keep_only_hashes),
        migrations.RunPython(make_unusable),
    ]
