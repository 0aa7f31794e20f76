"""Answers in the shapes that the services give, with works of our own making."""

from __future__ import annotations

import json
from typing import Any

OPENALEX: dict[str, Any] = {
    "meta": {"count": 2, "db_response_time_ms": 31, "page": 1, "per_page": 15, "groups_count": None},
    "results": [
        {
            "id": "https://openalex.org/W4200000001",
            "doi": "https://doi.org/10.5555/Hall.2021.7",
            "display_name": "Emotion recognition of cinema audiences in the dark",
            "relevance_score": 412.7,
            "publication_year": 2021,
            "primary_location": {
                "is_oa": True,
                "landing_page_url": "https://doi.org/10.5555/hall.2021.7",
                "source": {"id": "https://openalex.org/S1", "display_name": "Journal of Audience Studies"},
            },
            "authorships": [
                {"author_position": "first", "author": {"display_name": "Ada Lindqvist"}, "institutions": []},
                {"author_position": "last", "author": {"display_name": "Bo Ruiz"}, "institutions": []},
            ],
            "abstract_inverted_index": {"Faces": [0], "of": [1], "an": [2], "audience": [3], "tell": [4], "fear.": [5]},
            "is_retracted": False,
            "is_paratext": False,
        },
        {
            "id": "https://openalex.org/W4200000002",
            "doi": None,
            "display_name": "<i>Popcorn</i> &amp; attention",
            "publication_year": 2018,
            "primary_location": None,
            "authorships": [],
            "abstract_inverted_index": None,
            "is_retracted": False,
            "is_paratext": False,
        },
    ],
    "group_by": [],
}

CROSSREF: dict[str, Any] = {
    "status": "ok",
    "message-type": "work-list",
    "message-version": "1.0.0",
    "message": {
        "facets": {},
        "total-results": 1202,
        "items": [
            {
                "DOI": "10.5555/hall.2021.7",
                "type": "journal-article",
                "title": ["Emotion Recognition of Cinema Audiences in the Dark"],
                "author": [
                    {"given": "Ada", "family": "Lindqvist", "sequence": "first", "affiliation": []},
                    {"given": "Bo", "family": "Ruiz", "sequence": "additional", "affiliation": []},
                    {"name": "The Hall Consortium", "sequence": "additional", "affiliation": []},
                ],
                "container-title": ["Journal of Audience Studies"],
                "issued": {"date-parts": [[2021, 3, 9]]},
                "abstract": "<jats:title>Abstract</jats:title><jats:p>Faces of an audience, read &lt; 1 lux.</jats:p>",
                "URL": "https://doi.org/10.5555/hall.2021.7",
                "score": 31.4,
            },
            {
                "DOI": "10.5555/seats.9",
                "type": "proceedings-article",
                "title": ["Where people sit in a cinema"],
                "author": [{"given": "Chika", "family": "Obi", "sequence": "first", "affiliation": []}],
                "container-title": [],
                "issued": {"date-parts": [[None]]},
                "URL": "https://doi.org/10.5555/seats.9",
                "score": 12.0,
            },
        ],
        "items-per-page": 15,
        "query": {"start-index": 0, "search-terms": None},
    },
}

ARXIV = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:arxiv="http://arxiv.org/schemas/atom"
      xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">
  <id>https://arxiv.org/api/cHxbiOdZaP56ODnBPIenZhzg5f8</id>
  <title>arXiv Query: search_query=all:cinema&amp;start=0&amp;max_results=15</title>
  <updated>2026-11-01T00:00:00Z</updated>
  <link href="https://arxiv.org/api/query?search_query=all:cinema" type="application/atom+xml"/>
  <opensearch:totalResults>2</opensearch:totalResults>
  <entry>
    <id>http://arxiv.org/abs/2011.01234v2</id>
    <title>Emotion recognition of cinema
  audiences in the dark</title>
    <updated>2020-12-01T00:00:00Z</updated>
    <published>2020-11-03T17:59:59Z</published>
    <summary>We read the faces of a cinema audience where x &lt; 1 lux.</summary>
    <author><name>Ada Lindqvist</name><arxiv:affiliation>Hall</arxiv:affiliation></author>
    <link href="https://arxiv.org/abs/2011.01234v2" rel="alternate" type="text/html"/>
    <link title="pdf" href="https://arxiv.org/pdf/2011.01234v2" rel="related" type="application/pdf"/>
    <arxiv:primary_category term="cs.CV"/>
    <category term="cs.CV" scheme="http://arxiv.org/schemas/atom"/>
  </entry>
  <entry>
    <id>http://arxiv.org/abs/physics/0409001v1</id>
    <title>Echoes in a hall</title>
    <published>2004-09-01T00:00:00Z</published>
    <summary>Sound, mostly.</summary>
    <author><name>Dora Klein</name></author>
    <arxiv:doi>10.5555/echo.2005</arxiv:doi>
    <arxiv:journal_ref>Acta Acustica 91 (2005)</arxiv:journal_ref>
  </entry>
</feed>
"""

ARXIV_ERROR = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
  <id>http://arxiv.org/api/kvuntZ8c9a4Eq5CF7KY03nMug+Q</id>
  <entry>
    <id>http://arxiv.org/api/errors#max_results_must_be_an_integer</id>
    <title>Error</title>
    <summary>max_results must be an integer</summary>
    <author><name>arXiv api core</name></author>
  </entry>
</feed>
"""

SEMANTIC_SCHOLAR: dict[str, Any] = {
    "total": 2,
    "offset": 0,
    "data": [
        {
            "paperId": "649def34f8be52c8b66281af98ae884c09aef38b",
            "externalIds": {"ArXiv": "2011.01234", "CorpusId": 220000001},
            "url": "https://www.semanticscholar.org/paper/649def34f8be52c8b66281af98ae884c09aef38b",
            "title": "Emotion recognition of cinema audiences in the dark",
            "abstract": None,
            "venue": "arXiv.org",
            "year": 2020,
            "authors": [{"authorId": "1741101", "name": "A. Lindqvist"}],
        },
        {
            "paperId": "0000000000000000000000000000000000000002",
            "externalIds": {"CorpusId": 220000002},
            "url": "https://www.semanticscholar.org/paper/0000000000000000000000000000000000000002",
            "title": "Laughter in company",
            "abstract": "An audience laughs more than a person alone.",
            "venue": "",
            "year": None,
            "authors": [],
        },
    ],
}

NOTHING: dict[str, bytes] = {
    "openalex": json.dumps({"meta": {"count": 0}, "results": []}).encode(),
    "crossref": json.dumps({"status": "ok", "message": {"total-results": 0, "items": []}}).encode(),
    "arxiv": b'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>none</title></feed>',
    "semantic_scholar": json.dumps({"total": 0, "offset": 0}).encode(),
}

WORKS: dict[str, bytes] = {
    "openalex": json.dumps(OPENALEX).encode(),
    "crossref": json.dumps(CROSSREF).encode(),
    "arxiv": ARXIV.encode(),
    "semantic_scholar": json.dumps(SEMANTIC_SCHOLAR).encode(),
}
"""An answer of each service, by plug-in."""
