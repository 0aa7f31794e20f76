"""The gate: who is filmed, why and where decides whether there is a pipeline at all (BEY6)."""

from __future__ import annotations

import itertools

import pytest

from mien.core.errors import PolicyError
from mien.core.policy import (
    EU_AND_EEA,
    NOTICE_TEXT,
    RESTRICTED_PURPOSES,
    Basis,
    Declaration,
    Purpose,
    authorise,
    needs_basis,
    permit_personal_files,
)
from mien.core.settings import PROFILES, Profile

BASES = (None, *Basis)
JURISDICTIONS = (None, "EU", "DE", "no", "US", "JP")
EXCEPTIONS = (None, "  ", "fatigue of drivers, safety case 7")


def allowed(purpose: Purpose, basis: Basis | None, place: str | None, exception: str | None, profile: Profile) -> bool:
    """The rule, written a second time and plainly."""
    own_or_agreed = basis in (Basis.OWN_RECORDING, Basis.CONSENT)
    if profile.audience.min_group < 5 and not own_or_agreed:
        return False
    if purpose is Purpose.MEDICAL_OR_SAFETY:
        return bool(exception and exception.strip())
    if purpose not in (Purpose.EDUCATION, Purpose.WORKPLACE):
        return True
    if place is None:
        return False
    in_union = place.upper() in {"EU", "DE", "NO"}
    return not in_union or bool(exception and exception.strip())


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda p: p.name)
@pytest.mark.parametrize("purpose", Purpose)
def test_every_declaration_is_permitted_or_refused_as_the_rule_says(purpose: Purpose, profile: Profile) -> None:
    for basis, place, exception in itertools.product(BASES, JURISDICTIONS, EXCEPTIONS):
        told = Declaration(purpose, basis, place, exception)
        if allowed(purpose, basis, place, exception, profile):
            grant = authorise(told, profile)
            assert (grant.declaration, grant.profile) == (told, profile.name)
            assert grant.min_group == profile.audience.min_group
        else:
            # A refusal names the option that would help.
            with pytest.raises(PolicyError, match=r"--(basis|jurisdiction|exception)"):
                authorise(told, profile)


@pytest.mark.parametrize("place", sorted(EU_AND_EEA))
@pytest.mark.parametrize("purpose", sorted(RESTRICTED_PURPOSES))
def test_school_and_work_are_refused_all_over_the_union(purpose: Purpose, place: str) -> None:
    with pytest.raises(PolicyError, match=r"prohibited in .. \(EU AI Act, Article 5\(1\)\(f\)\)"):
        authorise(Declaration(purpose, Basis.CONSENT, place), PROFILES["classroom"])


def test_the_union_and_the_economic_area_are_whole() -> None:
    assert len(EU_AND_EEA) == 1 + 27 + 3
    assert {"DE", "FR", "IS", "LI", "NO"} <= EU_AND_EEA
    assert not EU_AND_EEA & {"GB", "CH", "US"}


def test_a_recorded_exception_is_carried_by_the_grant() -> None:
    told = Declaration(Purpose.WORKPLACE, Basis.CONSENT, "de", " pilots' fatigue ")
    assert (
        "Exception to Article 5(1)(f) recorded by the operator: pilots' fatigue"
        in authorise(told, PROFILES["panel"]).notices
    )


def test_elsewhere_a_restricted_purpose_says_to_check_the_rules() -> None:
    grant = authorise(Declaration(Purpose.EDUCATION, Basis.NOTICE, "us"), PROFILES["classroom"])
    assert "Purpose 'education' under the law of US: check local rules." in grant.notices


@pytest.mark.parametrize("place", ["Germany", "DEU", "D", "12", "E U", "ZZ", "XX"])
def test_a_jurisdiction_that_is_no_code_does_not_slip_through(place: str) -> None:
    with pytest.raises(PolicyError, match="is no country's code"):
        authorise(Declaration(Purpose.EDUCATION, Basis.CONSENT, place), PROFILES["classroom"])


@pytest.mark.parametrize(("code", "country"), [("EL", "GR"), ("el", "GR")])
def test_the_unions_own_codes_are_those_countries(code: str, country: str) -> None:
    with pytest.raises(PolicyError, match=f"prohibited in {country}"):
        authorise(Declaration(Purpose.WORKPLACE, Basis.CONSENT, code), PROFILES["classroom"])
    grant = authorise(Declaration(Purpose.WORKPLACE, Basis.CONSENT, "UK"), PROFILES["classroom"])
    assert "Purpose 'workplace' under the law of GB: check local rules." in grant.notices


@pytest.mark.parametrize("basis", [None, Basis.NOTICE])
def test_files_that_show_single_people_need_a_basis_whatever_the_group(basis: Basis | None) -> None:
    with pytest.raises(PolicyError, match="show single people"):
        permit_personal_files(Declaration(Purpose.AUDIENCE_RESEARCH, basis))
    permit_personal_files(Declaration(Purpose.AUDIENCE_RESEARCH, Basis.CONSENT))


@pytest.mark.parametrize("basis", [None, Basis.NOTICE])
def test_single_people_need_consent_or_be_the_operators_own(basis: Basis | None) -> None:
    with pytest.raises(PolicyError, match="reports single people, which needs a basis"):
        authorise(Declaration(Purpose.AUDIENCE_RESEARCH, basis), PROFILES["interview"])


@pytest.mark.parametrize("group", [2, 4])
def test_a_handful_needs_a_basis_too(group: int) -> None:
    cinema = PROFILES["cinema"]
    small = cinema.model_copy(update={"audience": cinema.audience.model_copy(update={"min_group": group})})
    with pytest.raises(PolicyError, match=f"reports groups of {group}, which needs a basis"):
        authorise(Declaration(Purpose.AUDIENCE_RESEARCH, Basis.NOTICE), small)


def test_groups_of_one_are_called_personal_data_and_groups_of_five_are_not() -> None:
    own = authorise(Declaration(Purpose.PERSONAL, Basis.OWN_RECORDING), PROFILES["interview"])
    hall = authorise(Declaration(Purpose.AUDIENCE_RESEARCH, Basis.NOTICE), PROFILES["cinema"])
    assert any("personal data" in notice for notice in own.notices)
    assert not any("personal data" in notice for notice in hall.notices)


def test_whoever_is_not_filming_themselves_is_told_to_tell() -> None:
    for basis in (None, Basis.CONSENT, Basis.NOTICE):
        assert NOTICE_TEXT in authorise(Declaration(Purpose.AUDIENCE_RESEARCH, basis), PROFILES["cinema"]).notices
    own = authorise(Declaration(Purpose.PERSONAL, Basis.OWN_RECORDING), PROFILES["cinema"])
    assert NOTICE_TEXT not in own.notices


def test_only_the_profiles_of_halls_need_no_basis() -> None:
    assert {name for name, profile in PROFILES.items() if not needs_basis(profile)} == {"cinema", "edge", "classroom"}
