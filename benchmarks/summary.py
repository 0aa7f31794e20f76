"""How well summaries are picked over TF-IDF, as Mien takes it, or over the text encoder's vectors; and what it costs.

python -m benchmarks.summary [--sentences 2] [--hours 3]

The texts are the descriptions of the Python packages installed here, each with its author's own one-line summary. Told
are the words that a picked summary and the author's share (ROUGE-1 F, Lin 2004; stems, without words that say little),
and of texts mixed from five packages how many of the five a summary of five sentences reaches. The vectors of the
encoder are the mean of its last layer, that of its first piece, or both: what its heads read.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from mien import models
from mien.core.content import Transcript, Word
from mien.core.settings import InferenceSettings
from mien.inference import open_session
from mien.language.describing import describe
from mien.language.opening import open_text_classifier
from mien.language.stop_words import is_stop, stem, tokens
from mien.language.summarising import SummaryOptions, pick, tf_idf
from mien.language.tokens import PieceReader
from mien.language.transcript import paragraphs_of
from mien.language.writing import open_writer

FloatArray = npt.NDArray[np.float64]
Vectors = Callable[[Sequence[str]], FloatArray]
POOLED = "/Concat_output_0"
"""What the shipped encoder's heads read: first piece, then the mean."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_MARKUP = re.compile(r"[`*_]|\[([^\]]*)\]\([^)]*\)|<[^>]+>|https?://\S+")
LEAST_SENTENCES, MOST_SENTENCES = 8, 40


@dataclass(frozen=True)
class Text:
    """A package's description in sentences, and its author's summary."""

    name: str
    summary: str
    sentences: list[str]


def texts() -> Iterator[Text]:
    """Descriptions that hold enough prose, by name."""
    seen = set()
    for package in sorted(importlib.metadata.distributions(), key=lambda d: d.metadata["Name"].lower()):
        told: Any = package.metadata
        name, summary = told["Name"].lower(), told.get("Summary") or ""
        body = told.get_payload() or told.get("Description") or ""
        sentences = []
        for block in re.split(r"\n\s*\n", re.sub(r"```.*?```", "", str(body), flags=re.DOTALL)):
            if not re.match(r"\s*(#|\||>|[-=]{3}|\.\.|:|\s{4})", block):
                found = _SENTENCE.split(" ".join(_MARKUP.sub(r"\1", block).split()))
                sentences += [s for s in found if 5 <= len(s.split()) <= 50 and s.endswith((".", "!", "?"))]
        if name not in seen and len(sentences) >= LEAST_SENTENCES and len(content_words(summary)) >= 3:
            seen.add(name)
            yield Text(name, summary, sentences[:MOST_SENTENCES])


def content_words(text: str) -> list[str]:
    """Stems of words that say something."""
    return [stem(word) for word in tokens(text) if not is_stop(word, "en")]


def by_words(sentences: Sequence[str]) -> FloatArray:
    """TF-IDF, as Mien takes it."""
    return tf_idf([content_words(sentence) for sentence in sentences])


def by_encoder() -> dict[str, Vectors]:
    """The text encoder's, by name; a negative cosine counts as none."""
    folder = models.bundled_text()[models.DEFAULT_TEXT_CLASSIFIER]
    graph = onnx.load_model_from_string((folder / "model.onnx").read_bytes())
    graph.graph.output.append(onnx.helper.make_tensor_value_info(POOLED, onnx.TensorProto.FLOAT, None))
    session = open_session(graph.SerializeToString(), "encoder", InferenceSettings())
    reader = PieceReader((folder / "tokenizer.json").read_text(encoding="utf-8"), 96)

    def raw(sentences: Sequence[str]) -> FloatArray:
        windows = [pieces.windows[0] for pieces in reader.read(sentences)]
        return np.stack([session.run([POOLED], {"pieces": np.array([w], np.int64)})[0].reshape(-1) for w in windows])

    def part(which: slice) -> Vectors:
        def vectors(sentences: Sequence[str]) -> FloatArray:
            found = raw(sentences).astype(np.float64)[:, which]
            found = found - found.mean(axis=0)
            found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
            # The square root of the clipped cosines' matrix: rows whose products are those cosines.
            values, axes = np.linalg.eigh(np.maximum(found @ found.T, 0))
            rows = axes * np.sqrt(np.maximum(values, 0))
            return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), np.float64)

        return vectors

    half = raw(["One."]).shape[1] // 2
    return {"encoder, mean": part(slice(half, None)), "encoder, first": part(slice(half)), "encoder": part(slice(None))}


def picked(vectors: Vectors, sentences: Sequence[str], number: int) -> tuple[int, ...]:
    """So many sentences by their numbers."""
    words = [len(set(content_words(sentence))) for sentence in sentences]
    return pick(vectors(sentences), words, SummaryOptions(most_sentences=number, share=1.0))


def rouge(found: Sequence[str], wanted: str) -> float:
    """ROUGE-1 F of two texts' stems, 0–1."""
    one, two = set(content_words(" ".join(found))), set(content_words(wanted))
    shared = len(one & two)
    return 2 * shared / (len(one) + len(two)) if shared else 0.0


def topics(vectors: Vectors, corpus: Sequence[Text], rng: np.random.Generator) -> float:
    """Of five packages mixed, ten sentences each, how many a summary of five sentences reaches; mean of 40 mixtures."""
    reached = []
    for _ in range(40):
        chosen = rng.choice(len(corpus), 5, replace=False)
        mixed = [(topic, s) for topic, i in enumerate(chosen) for s in corpus[i].sentences[:10]]
        order = rng.permutation(len(mixed))
        found = picked(vectors, [mixed[i][1] for i in order], 5)
        reached.append(len({mixed[order[i]][0] for i in found}))
    return float(np.mean(reached))


def cost(corpus: Sequence[Text], hours: float) -> None:
    """Processor seconds of all that is made of a long talk's transcript."""
    words = [word for text in corpus for sentence in text.sentences for word in sentence.split()]
    number = round(hours * 3600 * 2.5)
    said = [Word(words[i % len(words)], i / 2.5, i / 2.5 + 0.3) for i in range(number)]
    transcript = Transcript("talk", True, hours * 3600, True, "none", "none", "en", paragraphs_of(said))
    for name, classifier in (("without tone", None), ("with tone", open_text_classifier())):
        start = time.process_time()
        content = describe(transcript, open_writer()[0], classifier)
        seconds = time.process_time() - start
        print(f"{hours:g} hours, {number:,} words, {len(content.sentences):,} sentences, {name}: {seconds:.1f} s")


def main() -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=2)
    parser.add_argument("--hours", type=float, default=3.0)
    options = parser.parse_args()
    corpus = list(texts())
    print(f"{len(corpus)} texts, {sum(len(t.sentences) for t in corpus):,} sentences")
    methods: dict[str, Vectors] = {"TF-IDF": by_words, **by_encoder()}
    scores = {"first sentences": [rouge(t.sentences[: options.sentences], t.summary) for t in corpus]}
    for name, vectors in methods.items():
        made = [[t.sentences[i] for i in picked(vectors, t.sentences, options.sentences)] for t in corpus]
        scores[name] = [rouge(found, text.summary) for found, text in zip(made, corpus, strict=True)]
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(corpus), (2000, len(corpus)))
    for name, values in scores.items():
        low, high = np.percentile(np.array(values)[draws].mean(axis=1), (2.5, 97.5))
        reached = ""
        if name in methods:
            reached = f"   {topics(methods[name], corpus, np.random.default_rng(1)):.2f} of 5 topics"
        print(f"{name:16s} ROUGE-1 F {np.mean(values):.3f} ({low:.3f} to {high:.3f}){reached}")
    cost(corpus, options.hours)


if __name__ == "__main__":
    main()
