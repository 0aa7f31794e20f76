"""Scholarly works about what was said: from key terms to a short list, and searches that a reader may follow.

Only key terms ever leave this machine, and only when :func:`find_sources` is called without ``offline``.
"""

from mien.scholar.http import Http, HttpsClient
from mien.scholar.links import search_links
from mien.scholar.search import find_sources, service_title
from mien.scholar.source import (
    SERVICES,
    Failure,
    Link,
    SearchLinks,
    Source,
    SourceOptions,
    SourcesFound,
    as_document,
)
from mien.scholar.wording import fitting_terms

__all__ = [
    "SERVICES",
    "Failure",
    "Http",
    "HttpsClient",
    "Link",
    "SearchLinks",
    "Source",
    "SourceOptions",
    "SourcesFound",
    "as_document",
    "find_sources",
    "fitting_terms",
    "search_links",
    "service_title",
]
