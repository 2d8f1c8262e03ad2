"""A program with the real OpenTelemetry SDK: counts requests and their durations, and exports once by OTLP over HTTP.

Arguments: endpoint, seconds that its clock lies back, good, bad, slow requests, temporality (cumulative or delta).
Prints what the exporter said.
"""
import sys
import time

real = time.time_ns
back = int(sys.argv[2]) * 10**9
# Before the SDK takes its own reference to the clock.
time.time_ns = lambda: real() - back

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: E402
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider  # noqa: E402
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader  # noqa: E402
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View  # noqa: E402
from opentelemetry.sdk.resources import Resource  # noqa: E402

endpoint, good, bad, slow = sys.argv[1], *map(int, sys.argv[3:6])
temporality = AggregationTemporality.DELTA if sys.argv[6] == "delta" else AggregationTemporality.CUMULATIVE
preferred = {Counter: temporality, Histogram: temporality}
exporter = OTLPMetricExporter(endpoint=endpoint, timeout=20)
reader = InMemoryMetricReader(preferred_temporality=preferred)
provider = MeterProvider(
    metric_readers=[reader],
    resource=Resource.create({"service.name": "data-api", "service.instance.id": "one"}),
    views=[View(instrument_name="http.server.request.duration", aggregation=ExplicitBucketHistogramAggregation([0.1, 0.3, 1.0]))],
)
meter = provider.get_meter("test")
requests = meter.create_counter("http.server.requests")
durations = meter.create_histogram("http.server.request.duration", unit="s")
for status, count in ((200, good), (503, bad)):
    requests.add(count, {"http.response.status_code": status, "http.route": "/api"})
for _ in range(good - slow):
    durations.record(0.05, {"http.route": "/api"})
for _ in range(slow):
    durations.record(0.7, {"http.route": "/api"})
print(exporter.export(reader.get_metrics_data()).name)
