"""Tokens that open nothing, by what is wrong with them: for REST and sockets alike.

``BAD_TOKENS`` maps a name to a function from a :class:`Forge` (who would be let in, with the service's own key) to the
text that is sent.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa

from tests.service.support import SECRET, Service

_DIGESTS: Final = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


@dataclass(frozen=True)
class Forge:
    """Makes tokens of a real user that are good but for what is changed."""

    service: Service
    who: str = "admin"

    @property
    def now(self) -> int:
        """Seconds since 1970."""
        return int(self.service.clock.now().timestamp())

    @property
    def claims(self) -> dict[str, Any]:
        """Of a good token."""
        user = self.service.people[self.who]
        return {
            "sub": user.name,
            "userId": user.number,
            "roles": "ADMIN",
            "iss": self.service.parts.settings.security_issuer,
            "iat": self.now - 10,
            "exp": self.now + 600,
            "org": str(self.service.organisation),
        }

    def token(
        self,
        changes: Mapping[str, Any] | None = None,
        *,
        without: str | None = None,
        header: Mapping[str, Any] | None = None,
        key: bytes = SECRET,
        algorithm: str = "HS512",
    ) -> str:
        """A token signed by hand, so that what no library would make can be made."""
        claims = {name: value for name, value in {**self.claims, **(changes or {})}.items() if name != without}
        told = {"alg": algorithm, "typ": "JWT", **(header or {})}
        return signed(told, claims, key, algorithm)

    def good(self) -> str:
        """One that is let in."""
        return self.token()


def encoded(content: bytes | Mapping[str, Any]) -> str:
    """Base64 for URLs, without padding."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header: Mapping[str, Any], claims: Mapping[str, Any] | bytes, key: bytes, algorithm: str) -> str:
    """Header and claims with an HMAC over them, whatever the header says."""
    body = f"{encoded(header)}.{encoded(claims)}"
    return f"{body}.{encoded(hmac.digest(key, body.encode(), _DIGESTS[algorithm]))}"


def _unsigned(forge: Forge, algorithm: str) -> str:
    return f"{encoded({'alg': algorithm, 'typ': 'JWT'})}.{encoded(forge.claims)}."


def _rsa(forge: Forge) -> str:
    import jwt

    return jwt.encode(forge.claims, generate_rsa(65537, 2048), algorithm="RS256")


def _elliptic(forge: Forge) -> str:
    import jwt

    return jwt.encode(forge.claims, generate_private_key(SECP256R1()), algorithm="ES256")


def _own_jwk(forge: Forge) -> str:
    own = b"k" * 64
    return forge.token(header={"jwk": {"kty": "oct", "k": encoded(own), "alg": "HS512"}}, key=own)


def _tampered(forge: Forge) -> str:
    header, _, signature = forge.token().split(".")
    return f"{header}.{encoded({**forge.claims, 'roles': 'ROOT'})}.{signature}"


def _cut(forge: Forge, characters: int) -> str:
    return forge.token()[:-characters]


BAD_TOKENS: Final[Mapping[str, Callable[[Forge], str]]] = {
    "algorithm none": lambda f: _unsigned(f, "none"),
    "algorithm None": lambda f: _unsigned(f, "None"),
    "algorithm NONE with a signature": lambda f: f.token(header={"alg": "NONE"}),
    "algorithm empty": lambda f: f.token(header={"alg": ""}),
    "algorithm missing": lambda f: signed({"typ": "JWT"}, f.claims, SECRET, "HS512"),
    "algorithm a list": lambda f: f.token(header={"alg": ["HS512", "none"]}),
    "algorithm a number": lambda f: f.token(header={"alg": 512}),
    "algorithm in small letters": lambda f: f.token(header={"alg": "hs512"}),
    "HS256 with the right key": lambda f: f.token(algorithm="HS256"),
    "HS384 with the right key": lambda f: f.token(algorithm="HS384"),
    "HS512 told, HS256 signed": lambda f: f.token(header={"alg": "HS512"}, algorithm="HS256"),
    "RS256": _rsa,
    "ES256": _elliptic,
    "another key": lambda f: f.token(key=b"x" * 64),
    "an empty key": lambda f: f.token(key=b""),
    "the key as base64 text": lambda f: f.token(key=base64.b64encode(SECRET)),
    "own key in jwk": _own_jwk,
    "own key behind jku": lambda f: f.token(header={"jku": "https://evil.example/keys.json"}, key=b"j" * 64),
    "own key behind x5u": lambda f: f.token(header={"x5u": "https://evil.example/cert.pem"}, key=b"u" * 64),
    "own certificate in x5c": lambda f: f.token(header={"x5c": [base64.b64encode(b"c" * 64).decode()]}, key=b"c" * 64),
    "kid that is a path": lambda f: f.token(header={"kid": "../../../../dev/null"}, key=b""),
    "kid that is SQL": lambda f: f.token(header={"kid": "x' UNION SELECT 'key' --"}, key=b"key"),
    "kid that is no text": lambda f: f.token(header={"kid": 7}, key=b"y" * 64),
    "unknown critical header": lambda f: f.token(header={"crit": ["mien"], "mien": True}),
    "detached payload": lambda f: f.token(header={"b64": False, "crit": ["b64"]}),
    "no signature": lambda f: f.token().rpartition(".")[0] + ".",
    "signature cut": lambda f: _cut(f, 4),
    "claims tampered with": _tampered,
    "expired": lambda f: f.token({"exp": f.now - 1}),
    "expires this very second": lambda f: f.token({"exp": f.now}),
    "no exp": lambda f: f.token(without="exp"),
    "exp null": lambda f: f.token({"exp": None}),
    "exp a text": lambda f: f.token({"exp": str(f.now + 600)}),
    "exp true": lambda f: f.token({"exp": True}),
    "exp without end": lambda f: f.token({"exp": 1e300}),
    "issued in an hour": lambda f: f.token({"iat": f.now + 3600, "exp": f.now + 7200}),
    "no iat": lambda f: f.token(without="iat"),
    "iat a text": lambda f: f.token({"iat": "yesterday"}),
    "not yet valid": lambda f: f.token({"nbf": 2**52}),
    "another issuer": lambda f: f.token({"iss": "somebody_else"}),
    "issuers in a list": lambda f: f.token({"iss": ["emotion_recognition", "somebody_else"]}),
    "no issuer": lambda f: f.token(without="iss"),
    "no subject": lambda f: f.token(without="sub"),
    "subject a number": lambda f: f.token({"sub": 12345}),
    "subject empty": lambda f: f.token({"sub": ""}),
    "another user's name": lambda f: f.token({"sub": "viewer"}),
    "a user that is not": lambda f: f.token({"userId": 1}),
    "userId a text": lambda f: f.token({"userId": "1 OR 1=1"}),
    "userId without end": lambda f: f.token({"userId": 2**80}),
    "another organisation": lambda f: f.token({"org": str(f.service.other)}),
    "an organisation that is none": lambda f: f.token({"org": "everyone"}),
    "claims a list": lambda f: signed({"alg": "HS512"}, b'["sub", "iss"]', SECRET, "HS512"),
    "claims no JSON": lambda f: signed({"alg": "HS512"}, b"\xff{", SECRET, "HS512"),
    "claims nested without end": lambda f: signed({"alg": "HS512"}, b"[" * 3000, SECRET, "HS512"),
    "a header that is no JSON": lambda f: "e30x." + f.token().split(".", 1)[1],
    "two parts": lambda f: ".".join(f.token().split(".")[:2]),
    "four parts": lambda f: f.token() + ".e30",
    "five parts": lambda f: f.token() + ".e30.e30",
    "no token": lambda f: "nonsense",
    "dots": lambda f: "..",
    "too long": lambda f: f.token({"padding": "x" * 4000}),
}
"""What must be refused, by what is wrong with it."""
