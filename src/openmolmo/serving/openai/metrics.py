"""Figures for Prometheus: ours, and the same under the names that vLLM's dashboards ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from openmolmo.serving.backend import Backend

__all__ = ["Metrics"]

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_TOKEN_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_GAUGES = {
    "openmolmo_requests_running": ("running", "Replies being written, rows of the batch that are taken."),
    "openmolmo_requests_waiting": ("waiting", "Requests that wait for a row."),
    "openmolmo_slots": ("slots", "Rows of the batch."),
    "vllm:num_requests_running": ("running", "Replies being written."),
    "vllm:num_requests_waiting": ("waiting", "Requests that wait."),
}
_TOTALS = {
    "openmolmo_feature_cache_hits": ("feature_hits", "Pictures whose features were kept from before."),
    "openmolmo_feature_cache_misses": ("feature_misses", "Pictures that were looked at."),
    "openmolmo_prefix_tokens": ("prefix_tokens", "Tokens of prompts that were read before."),
    "openmolmo_prompt_tokens": ("prompt_tokens", "Tokens of prompts."),
    "openmolmo_generated_tokens": ("generated_tokens", "Tokens written; its rate is tokens a second."),
}


class _Loads:
    """What backends say of themselves when figures are asked for."""

    def __init__(self, models: Mapping[str, Backend]) -> None:
        self._models = models

    def collect(self) -> Iterator[Metric]:
        loads = {name: backend.load() for name, backend in self._models.items()}
        for metric, (field, text) in _GAUGES.items():
            gauge = GaugeMetricFamily(metric, text, labels=["model_name"])
            for name, load in loads.items():
                gauge.add_metric([name], getattr(load, field))
            yield gauge
        for metric, (field, text) in _TOTALS.items():
            total = CounterMetricFamily(metric, text, labels=["model_name"])
            for name, load in loads.items():
                total.add_metric([name], getattr(load, field))
            yield total


class Metrics:
    """Counters of one server."""

    def __init__(self, models: Mapping[str, Backend]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Loads(models))
        self.requests = Counter(
            "openmolmo_http_requests", "Requests by path and status.", ["path", "status"], registry=self._registry
        )
        self._prompt = self._counter("vllm:prompt_tokens", "Tokens of prompts.")
        self._generated = self._counter("vllm:generation_tokens", "Tokens written.")
        self._first = self._histogram("vllm:time_to_first_token_seconds", "Until the first token.", _SECONDS)
        self._next = self._histogram("vllm:inter_token_latency_seconds", "Between tokens.", _TOKEN_SECONDS)
        self._whole = self._histogram("vllm:e2e_request_latency_seconds", "For a whole reply.", _SECONDS)

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(name, text, ["model_name"], registry=self._registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, text, ["model_name"], buckets=buckets, registry=self._registry)

    def began(self, model: str, seconds: float) -> None:
        """The first token of a reply is there."""
        self._first.labels(model).observe(seconds)

    def went_on(self, model: str, seconds: float, tokens: int) -> None:
        """So many more tokens came after so long."""
        for _ in range(tokens):
            self._next.labels(model).observe(seconds / tokens)

    def finished(self, model: str, seconds: float, prompt: int, generated: int) -> None:
        """A reply is whole."""
        self._whole.labels(model).observe(seconds)
        self._prompt.labels(model).inc(prompt)
        self._generated.labels(model).inc(generated)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)
