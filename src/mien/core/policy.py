"""The purpose gate: asked wherever a pipeline is built, by command line and service alike.

Who is filmed, why and where decides whether an analysis may run at all. The rules are the ones a program can check;
they are no legal advice, and passing them makes nothing lawful by itself.

* Inferring emotions of people at work or in education is prohibited in the European Union, save for medical or
  safety reasons: Regulation (EU) 2024/1689 (AI Act), Article 5(1)(f).
* Who is exposed to an emotion recognition system must be told: Article 50(3).
* A group of one is personal data (GDPR Article 4(1)); it needs the person's consent, or is the operator's own
  recording.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from mien.core.errors import PolicyError
from mien.core.settings import Profile


class Purpose(StrEnum):
    """Why an audience is measured."""

    AUDIENCE_RESEARCH = "audience_research"
    """How people react to a film, a trailer, a talk or a product they chose to watch."""
    PERSONAL = "personal"
    """One's own recording, for oneself."""
    RESEARCH = "research"
    """A study with its own ethical approval."""
    EDUCATION = "education"
    """Learners in an educational institution."""
    WORKPLACE = "workplace"
    """Employees or applicants, by or for their employer."""
    MEDICAL_OR_SAFETY = "medical_or_safety"
    """The exception of Article 5(1)(f)."""


class Basis(StrEnum):
    """What permits filming the people shown."""

    OWN_RECORDING = "own_recording"
    """The operator's own footage, of the operator or with everybody's knowledge."""
    CONSENT = "consent"
    """Each person shown agreed, and the consent is on record."""
    NOTICE = "notice"
    """The audience was told beforehand; only groups at or above the minimum are reported."""


EU_AND_EEA: Final = frozenset(
    (
        "EU", "AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE", "IT",
        "LV", "LT", "LU", "MT", "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE", "IS", "LI", "NO",
    )
)  # fmt: skip
"""Jurisdictions in which Article 5(1)(f) applies (ISO 3166 codes, and ``EU`` for the Union as a whole)."""

LEAST_GROUP_WITHOUT_BASIS: Final = 5
"""Smaller groups are reported only to those who filmed themselves or have everybody's consent."""

ISO_3166: Final = frozenset(
    (
        "AD", "AE", "AF", "AG", "AI", "AL", "AM", "AO", "AQ", "AR", "AS", "AT", "AU", "AW", "AX", "AZ", "BA", "BB",
        "BD", "BE", "BF", "BG", "BH", "BI", "BJ", "BL", "BM", "BN", "BO", "BQ", "BR", "BS", "BT", "BV", "BW", "BY",
        "BZ", "CA", "CC", "CD", "CF", "CG", "CH", "CI", "CK", "CL", "CM", "CN", "CO", "CR", "CU", "CV", "CW", "CX",
        "CY", "CZ", "DE", "DJ", "DK", "DM", "DO", "DZ", "EC", "EE", "EG", "EH", "ER", "ES", "ET", "FI", "FJ", "FK",
        "FM", "FO", "FR", "GA", "GB", "GD", "GE", "GF", "GG", "GH", "GI", "GL", "GM", "GN", "GP", "GQ", "GR", "GS",
        "GT", "GU", "GW", "GY", "HK", "HM", "HN", "HR", "HT", "HU", "ID", "IE", "IL", "IM", "IN", "IO", "IQ", "IR",
        "IS", "IT", "JE", "JM", "JO", "JP", "KE", "KG", "KH", "KI", "KM", "KN", "KP", "KR", "KW", "KY", "KZ", "LA",
        "LB", "LC", "LI", "LK", "LR", "LS", "LT", "LU", "LV", "LY", "MA", "MC", "MD", "ME", "MF", "MG", "MH", "MK",
        "ML", "MM", "MN", "MO", "MP", "MQ", "MR", "MS", "MT", "MU", "MV", "MW", "MX", "MY", "MZ", "NA", "NC", "NE",
        "NF", "NG", "NI", "NL", "NO", "NP", "NR", "NU", "NZ", "OM", "PA", "PE", "PF", "PG", "PH", "PK", "PL", "PM",
        "PN", "PR", "PS", "PT", "PW", "PY", "QA", "RE", "RO", "RS", "RU", "RW", "SA", "SB", "SC", "SD", "SE", "SG",
        "SH", "SI", "SJ", "SK", "SL", "SM", "SN", "SO", "SR", "SS", "ST", "SV", "SX", "SY", "SZ", "TC", "TD", "TF",
        "TG", "TH", "TJ", "TK", "TL", "TM", "TN", "TO", "TR", "TT", "TV", "TW", "TZ", "UA", "UG", "UM", "US", "UY",
        "UZ", "VA", "VC", "VE", "VG", "VI", "VN", "VU", "WF", "WS", "YE", "YT", "ZA", "ZM", "ZW",
    )
)  # fmt: skip
"""Countries (ISO 3166-1 alpha-2)."""
OTHER_CODES: Final[Mapping[str, str]] = MappingProxyType({"EL": "GR", "UK": "GB"})
"""Codes that the European Union uses for a country beside ISO's."""

RESTRICTED_PURPOSES: Final = frozenset({Purpose.EDUCATION, Purpose.WORKPLACE})

NOTICE_TEXT: Final = (
    "People exposed to emotion recognition must be informed of it before it starts (EU AI Act, Article 50(3))."
)


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the operator declares about a session.

    Attributes:
        purpose: why.
        basis: what permits it.
        jurisdiction: ISO 3166 code of the country whose law applies, or ``EU``; None when not declared.
        exception: the operator's recorded reason for a restricted purpose; None for no exception.
    """

    purpose: Purpose
    basis: Basis | None
    jurisdiction: str | None = None
    exception: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """Permission to build a pipeline; a report carries it.

    Attributes:
        declaration: what was declared.
        profile: the profile it was granted for.
        min_group: smallest group that may be reported.
        notices: sentences the operator must heed; the report prints them.
    """

    declaration: Declaration
    profile: str
    min_group: int
    notices: tuple[str, ...]


def needs_basis(profile: Profile) -> bool:
    """Whether a profile tells of groups so small that only one's own recording or consent permits it."""
    return profile.audience.min_group < LEAST_GROUP_WITHOUT_BASIS


def authorise(declaration: Declaration, profile: Profile) -> Grant:
    """Permit an analysis, or say why not.

    Args:
        declaration: what the operator declares.
        profile: the settings that would run.

    Raises:
        PolicyError: the declaration does not permit it; the message says what would.
    """
    notices: list[str] = []
    if declaration.purpose is Purpose.MEDICAL_OR_SAFETY:
        if not (declaration.exception and declaration.exception.strip()):
            raise PolicyError(
                "purpose 'medical_or_safety' needs its reason on record: add '--exception \"…\"'; it is written into "
                "the report."
            )
        notices.append(f"Medical or safety reason recorded by the operator: {declaration.exception.strip()}")
    if declaration.purpose in RESTRICTED_PURPOSES:
        notices.append(_permit_restricted(declaration))
    smallest = profile.audience.min_group
    if needs_basis(profile) and declaration.basis not in (Basis.OWN_RECORDING, Basis.CONSENT):
        told = "single people" if smallest == 1 else f"groups of {smallest}"
        raise PolicyError(
            f"profile {profile.name} reports {told}, which needs a basis: declare '--basis own_recording' for "
            "your own footage or '--basis consent' if everyone shown agreed, or report groups of five or more "
            "('--min-group 5')."
        )
    if declaration.basis is not Basis.OWN_RECORDING:
        notices.append(NOTICE_TEXT)
    if profile.audience.min_group == 1:
        notices.append(
            "Groups of one are reported: these results are personal data of the people shown, not anonymous."
        )
    return Grant(declaration, profile.name, profile.audience.min_group, tuple(notices))


def may_show_people(declaration: Declaration) -> bool:
    """Whether single people may be shown or listed: one's own recording, or everybody's consent."""
    return declaration.basis in (Basis.OWN_RECORDING, Basis.CONSENT)


def permit_personal_files(declaration: Declaration) -> None:
    """Permit files that show or list single people (an annotated video, a table of faces), whatever the report tells.

    Args:
        declaration: what the operator declares.

    Raises:
        PolicyError: neither one's own recording nor everybody's consent is declared.
    """
    if not may_show_people(declaration):
        raise PolicyError(
            "an annotated video, a face log and a table for py-feat show single people, which needs a basis: declare "
            "'--basis own_recording' for your own footage or '--basis consent' if everyone shown agreed, or leave "
            "out '--annotate', '--face-log' and '--fex'."
        )


def _permit_restricted(declaration: Declaration) -> str:
    purpose = declaration.purpose.value
    jurisdiction = (declaration.jurisdiction or "").strip().upper()
    if not jurisdiction:
        raise PolicyError(
            f"purpose '{purpose}' needs a jurisdiction, because some forbid it: add '--jurisdiction' with the "
            "country's two-letter code (or EU)."
        )
    jurisdiction = OTHER_CODES.get(jurisdiction, jurisdiction)
    if jurisdiction not in ISO_3166 | EU_AND_EEA:
        raise PolicyError(
            f"jurisdiction {declaration.jurisdiction!r} is no country's code: give '--jurisdiction' two letters of ISO "
            "3166, such as DE or US (or EU)."
        )
    if jurisdiction not in EU_AND_EEA:
        return f"Purpose '{purpose}' under the law of {jurisdiction}: check local rules."
    if not (declaration.exception and declaration.exception.strip()):
        raise PolicyError(
            f"inferring emotions for purpose '{purpose}' is prohibited in {jurisdiction} "
            "(EU AI Act, Article 5(1)(f)) except for medical or safety reasons. If such a reason applies, record it "
            "with '--exception \"…\"'; it is written into the report."
        )
    return f"Exception to Article 5(1)(f) recorded by the operator: {declaration.exception.strip()}"
