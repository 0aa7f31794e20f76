"""Who may do what: the least role of every operation, tried with every role."""

from __future__ import annotations

import re
from uuid import UUID

import pytest

from mien.service.app import create_app
from mien.service.parts import ServiceParts
from mien.store.records import Role
from tests.service.support import ROLES, Service
from tests.service.test_openapi import PUBLIC_OPERATIONS, operations

LEAST = {
    "get_me": Role.VIEWER,
    "change_own_password": Role.VIEWER,
    "sign_out_everywhere": Role.VIEWER,
    "list_users": Role.ADMIN,
    "add_user": Role.ADMIN,
    "get_user": Role.ADMIN,
    "change_user": Role.ADMIN,
    "set_password": Role.ADMIN,
    "list_api_keys": Role.ADMIN,
    "mint_api_key": Role.ADMIN,
    "get_api_key": Role.ADMIN,
    "revoke_api_key": Role.ADMIN,
    "describe_uploads": Role.VIEWER,
    "list_jobs": Role.VIEWER,
    "get_job": Role.VIEWER,
    "follow_job": Role.VIEWER,
    "list_reports": Role.VIEWER,
    "get_report": Role.VIEWER,
    "read_report": Role.VIEWER,
    "list_exports": Role.VIEWER,
    "begin_export": Role.ANALYST,
    "get_signing_key": Role.VIEWER,
    "begin_study_comparison": Role.ANALYST,
    "download_export": Role.VIEWER,
    "download_markers": Role.VIEWER,
    "begin_upload": Role.ANALYST,
    "upload_whole_file": Role.ANALYST,
    "list_uploads": Role.ANALYST,
    "get_upload": Role.ANALYST,
    "find_upload_offset": Role.ANALYST,
    "append_to_upload": Role.ANALYST,
    "erase_upload": Role.ANALYST,
    "begin_analysis": Role.ANALYST,
    "begin_annotated_video": Role.ANALYST,
    "cancel_job": Role.ANALYST,
    "retry_job": Role.ANALYST,
    "list_personal_results": Role.ANALYST,
    "download_personal_result": Role.ANALYST,
    "erase_personal_result": Role.ANALYST,
    "list_webhooks": Role.ADMIN,
    "create_webhook": Role.ADMIN,
    "get_webhook": Role.ADMIN,
    "change_webhook": Role.ADMIN,
    "remove_webhook": Role.ADMIN,
    "rotate_webhook_secret": Role.ADMIN,
    "ping_webhook": Role.ADMIN,
    "replay_dead_deliveries": Role.ADMIN,
    "list_deliveries": Role.ADMIN,
    "get_delivery": Role.ADMIN,
    "replay_delivery": Role.ADMIN,
    "export_respondent": Role.ADMIN,
    "erase_respondent": Role.ADMIN,
    "sweep_retention": Role.ADMIN,
    "list_deletions": Role.ADMIN,
    "get_deletion": Role.ADMIN,
    "list_audit_entries": Role.ADMIN,
    "get_audit_entry": Role.ADMIN,
    "list_respondents": Role.ANALYST,
    "enrol_respondent": Role.ANALYST,
    "get_respondent": Role.ANALYST,
    "declare_segments": Role.ANALYST,
    "list_consents": Role.ANALYST,
    "give_consent": Role.ANALYST,
    "get_consent": Role.ANALYST,
    "withdraw_consent": Role.ANALYST,
    "get_purpose_rules": Role.VIEWER,
    "get_privacy_statement": Role.VIEWER,
    "get_session_privacy": Role.VIEWER,
    "get_study_audience": Role.VIEWER,
    "compare_study_versions": Role.ANALYST,
    "list_comparisons": Role.VIEWER,
    "get_comparison": Role.VIEWER,
    "get_session_content": Role.VIEWER,
    "get_session_sources": Role.VIEWER,
    "follow_session": Role.VIEWER,
    "create_notice": Role.ADMIN,
    "predict_emotion": Role.VIEWER,
    "begin_session": Role.ANALYST,
    "list_sessions": Role.VIEWER,
    "get_session": Role.VIEWER,
    "end_session": Role.ANALYST,
    "change_session": Role.ANALYST,
    "delete_session": Role.ANALYST,
    "get_session_presence": Role.VIEWER,
    "add_snapshots": Role.ANALYST,
    "list_studies": Role.VIEWER,
    "add_study": Role.ANALYST,
    "get_study": Role.VIEWER,
    "change_study": Role.ANALYST,
    "delete_study": Role.ANALYST,
    "classify_texts": Role.VIEWER,
    "list_lanes": Role.VIEWER,
    "get_timeline": Role.VIEWER,
    "list_moments": Role.VIEWER,
    "list_series": Role.VIEWER,
    "get_series": Role.VIEWER,
    "list_titles": Role.VIEWER,
    "add_title": Role.ANALYST,
    "get_title": Role.VIEWER,
    "rename_title": Role.ANALYST,
    "delete_title": Role.ANALYST,
    "list_versions": Role.VIEWER,
    "add_version": Role.ANALYST,
    "get_version": Role.VIEWER,
    "change_version": Role.ANALYST,
    "delete_version": Role.ANALYST,
}
"""The least role of each operation that is not public. A new operation must be added here."""


async def test_every_operation_says_who_may_do_it(parts: ServiceParts) -> None:
    names = {operation["operationId"] for *_, operation in operations(create_app(parts).openapi())}
    assert names - PUBLIC_OPERATIONS == set(LEAST)


@pytest.mark.parametrize("who", ROLES)
async def test_each_role_may_do_what_it_includes_and_nothing_else(service: Service, who: str) -> None:
    async with service.client(who, raises=False) as client:
        for method, path, operation in operations(service.app.openapi()):
            least = LEAST.get(operation["operationId"])
            if least is None:
                continue
            filled = re.sub(r"\{[^}]+\}", str(UUID(int=7)), path)
            answer = await client.request(method, filled, json=None if method == "get" else {})
            # An answer to HEAD has no body.
            refused = answer.status_code == 403 and (
                method == "head" or answer.json()["type"] == "urn:mien:problem:role"
            )
            assert refused is not ROLES[who].includes(least), operation["operationId"]
            assert answer.status_code != 401
            client.headers["Authorization"] = f"Bearer {await service.renew(who)}"
