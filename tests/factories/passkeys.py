from __future__ import annotations

from base64 import urlsafe_b64encode

from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData, CollectedClientData

from clients.models import User


def passkey_of(user: User, name: str = "Phone") -> Authenticator:
    """A passkey as a browser would have registered it; nobody holds its key."""
    key = ES256.from_cryptography_key(ec.generate_private_key(ec.SECP256R1()).public_key())
    credential = AttestedCredentialData.create(bytes(16), user.pk.bytes, key)
    proof = AuthenticatorData.create(bytes(32), AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.AT, 0, credential)
    said = {
        "clientDataJSON": CollectedClientData.create("webauthn.create", bytes(32), "http://testserver"),
        "attestationObject": AttestationObject.create("none", proof, {}),
    }
    made = {"id": _b64(user.pk.bytes), "rawId": _b64(user.pk.bytes), "type": "public-key"}
    data = {"name": name, "credential": made | {"response": {each: _b64(part) for each, part in said.items()}}}
    return Authenticator.objects.create(user=user, type=Authenticator.Type.WEBAUTHN, data=data)


def _b64(part: bytes) -> str:
    return urlsafe_b64encode(part).decode().rstrip("=")
