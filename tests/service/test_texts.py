"""The emotion of texts over HTTP, on the shipped model."""

from __future__ import annotations

import pytest

from mien.core.labels import TEXT_EKMAN, TEXT_ORIGINAL
from tests.service.support import Service

PATH = "/api/v1/texts"


async def test_each_text_is_read_by_itself(service: Service) -> None:
    async with service.client("viewer") as client:
        texts = ["What a wonderful day!", "I am scared to death.", ""]
        answer = await client.post(PATH, json={"texts": texts})
        alone = await client.post(PATH, json={"texts": texts[1:2]})
    assert answer.status_code == 200
    first, second, empty = answer.json()["items"]
    assert (first["label"], second["label"]) == ("joy", "fear")
    assert list(first["scores"].values()) == sorted(first["scores"].values(), reverse=True)
    assert set(first["scores"]) == set(TEXT_EKMAN.labels)
    assert alone.json()["items"] == [second]
    assert (empty["label"], empty["score"], empty["present"], empty["known_share"]) == ("unread", 0.0, [], 0.0)
    assert len(answer.json()["model_sha256"]) == 64


async def test_the_finer_labels_can_be_asked_for(service: Service) -> None:
    async with service.client("viewer") as client:
        answer = await client.post(PATH, json={"texts": ["Thank you so much!"], "labels": "original"})
    (reading,) = answer.json()["items"]
    assert set(reading["scores"]) == set(TEXT_ORIGINAL.labels)
    assert reading["label"] == "gratitude"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"texts": []},
        {"texts": ["x"] * 65},
        {"texts": ["x" * 20_001]},
        {"texts": "one"},
        {"texts": ["x"], "labels": "mine"},
        {"texts": ["x"], "more": 1},
    ],
)
async def test_what_does_not_fit_is_refused(service: Service, body: dict[str, object]) -> None:
    async with service.client("viewer") as client:
        assert (await client.post(PATH, json=body)).status_code == 422


async def test_that_texts_were_read_is_audited_without_them(service: Service) -> None:
    async with service.client("analyst") as client:
        await client.post(PATH, json={"texts": ["my secret", "another"]})
    async with service.parts.store.begin(service.organisation, read_only=True) as work:
        (entry,) = (await work.audit.list()).items
    assert (entry.action, dict(entry.detail)) == ("texts.read", {"texts": 2})
