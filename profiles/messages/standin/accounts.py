"""Throw-away accounts and certificates: an Apple key, a Google account, an authority that signs the stand-in."""

from __future__ import annotations

import ipaddress
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Pair:
    """A key pair as PEM texts."""

    private: str
    public: str


@dataclass(frozen=True)
class AppleAccount:
    """A team with a signing key, and the topic that it may send to."""

    key_id: str
    team_id: str
    topic: str
    key: Pair


@dataclass(frozen=True)
class FirebaseAccount:
    """A service account of a project."""

    project_id: str
    client_email: str
    key_id: str
    key: Pair
    token_uri: str

    def as_json(self) -> str:
        """Return the file that Google gives out."""
        return json.dumps(
            {
                "type": "service_account",
                "project_id": self.project_id,
                "client_email": self.client_email,
                "private_key_id": self.key_id,
                "private_key": self.key.private,
                "token_uri": self.token_uri,
            }
        )


def new_apple(topic: str = "com.example.kahve") -> AppleAccount:
    """Make a team with a key."""
    return AppleAccount(_ten(), _ten(), topic, _pair(ec.generate_private_key(ec.SECP256R1())))


def new_firebase(token_uri: str, project_id: str = "kahve-12ab3") -> FirebaseAccount:
    """Make a service account with a key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    email = f"push@{project_id}.iam.gserviceaccount.com"
    return FirebaseAccount(project_id, email, secrets.token_hex(20), _pair(key), token_uri)


def _ten() -> str:
    return "".join(secrets.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(10))


def _pair(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> Pair:
    return Pair(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    )


@dataclass(frozen=True)
class Certificates:
    """Files: the authority that clients trust, and the server's certificate and key."""

    authority: Path
    certificate: Path
    key: Path


def make_certificates(directory: Path) -> Certificates:
    """Make an authority and a certificate for 127.0.0.1, of a day."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate(
        "Stand-in authority", authority_key.public_key(), "Stand-in authority", authority_key, ca=True
    )
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate("127.0.0.1", key.public_key(), "Stand-in authority", authority_key, ca=False)
    made = Certificates(directory / "authority.pem", directory / "server.pem", directory / "server.key")
    made.authority.write_bytes(authority.public_bytes(Encoding.PEM))
    made.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    made.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made


def _certificate(
    name: str, key: ec.EllipticCurvePublicKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.Certificate:
    now = datetime.now(tz=UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if not ca:
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
