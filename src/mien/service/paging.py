"""Lists in pages: ``?limit=&after=`` in, ``{"items": […], "after": …}`` out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from mien.store import records

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page is asked for."""

    limit: int
    after: UUID | None


async def _paging(
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many.")] = 100,
    after: Annotated[UUID | None, Query(description="Go on behind this one: the last page's `after`.")] = None,
) -> Paging:
    return Paging(limit, after)


PageQuery = Annotated[Paging, Depends(_paging)]


class PageOf(BaseModel, Generic[T]):
    """Some of a list, oldest first."""

    items: list[T]
    after: UUID | None = Field(description="Hand it in as `after` to go on; null at the end.")


def page_of(page: records.Page[R], shown: Callable[[R], T]) -> PageOf[T]:
    """A page of the store as it is answered."""
    return PageOf(items=[shown(item) for item in page.items], after=page.after)
