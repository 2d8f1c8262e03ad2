//! Messages made by hand, as the protocols' definitions say, and what becomes of them.

use std::borrow::Cow;

use super::mapping::{Mapper, Tally};
use super::remote_write::{Held, Version};
use super::wire::put_bytes;
use super::{Number, Point, Series, Sink, Value, otlp, remote_write};
use crate::config::metrics::{Measure, MetricRule, MetricRules, Selector, Template};
use crate::domain::{FeedReadings, Reading, Role, Span, Timestamp};
use crate::ingest::limits::{HISTOGRAM_BUCKETS_MAX, LABELS_MAX, POINTS_MAX, SERIES_MAX, SYMBOLS_MAX};
use crate::ingest::problem;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap());
}

fn number(out: &mut Vec<u8>, field: u64, value: i64) {
    varint(out, field << 3);
    varint(out, value.cast_unsigned());
}

fn fixed(out: &mut Vec<u8>, field: u64, bits: u64) {
    varint(out, field << 3 | 1);
    out.extend(bits.to_le_bytes());
}

fn message(parts: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (field, bytes) in parts {
        put_bytes(&mut out, *field, bytes);
    }
    out
}

fn sample(value: f64, at: i64) -> Vec<u8> {
    let mut out = Vec::new();
    fixed(&mut out, 1, value.to_bits());
    number(&mut out, 2, at);
    out
}

fn pair(name: &str, value: &str) -> Vec<u8> {
    message(&[(1, name.into()), (2, value.into())])
}

fn series_one(labels: &[(&str, &str)], samples: &[Vec<u8>]) -> Vec<u8> {
    let labels = labels.iter().map(|(name, value)| (1, pair(name, value)));
    message(&labels.chain(samples.iter().map(|s| (2, s.clone()))).collect::<Vec<_>>())
}

/// Keeps what it is handed.
#[derive(Default)]
struct Kept(Vec<KeptSeries>);

/// Metric, labels, what is wrong, points.
type KeptSeries = (String, Vec<(String, String)>, Option<String>, Vec<String>);

impl Sink for Kept {
    fn take(&mut self, series: &Series<'_>, points: &[Point<'_>]) {
        let labels = series.labels.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        let points = points.iter().map(|p| format!("{} {:?} {:?}", p.at, p.since, p.value)).collect();
        self.0.push((series.metric.to_string(), labels, series.wrong.clone(), points));
    }
}

fn read(version: Version, body: &[u8]) -> Result<(Held, Kept), crate::ingest::Refusal> {
    let mut kept = Kept::default();
    remote_write::read(version, body, &mut kept).map(|held| (held, kept))
}

#[test]
fn version_one_is_read() {
    let stale = f64::from_bits(0x7ff0_0000_0000_0002);
    let series = series_one(
        &[("__name__", "up"), ("b", "2"), ("a", "1"), ("empty", "")],
        &[sample(1.5, 1_000), sample(stale, 2_000), sample(f64::NAN, -1)],
    );
    let with_histogram = {
        let mut histogram = Vec::new();
        number(&mut histogram, 15, 3_000);
        message(&[(1, pair("__name__", "h")), (4, histogram), (3, Vec::new())])
    };
    let body = message(&[(1, series), (1, with_histogram), (3, b"metadata is passed over".to_vec())]);
    let (held, kept) = read(Version::One, &body).unwrap();
    assert_eq!(held, Held { samples: 3, histograms: 1, exemplars: 1 });
    let (metric, labels, wrong, points) = &kept.0[0];
    assert_eq!((metric.as_str(), wrong), ("up", &None));
    assert_eq!(labels, &[("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]);
    assert_eq!(points[0], "1970-01-01T00:00:01Z None Total(Float(1.5))");
    assert_eq!(points[1], "1970-01-01T00:00:02Z None Gone");
    assert!(points[2].starts_with("1969-12-31T23:59:59.999Z None Total(Float(NaN"), "{}", points[2]);
    assert_eq!(kept.0[1].3, ["1970-01-01T00:00:03Z None Unusable(\"a native histogram\")"]);
}

fn series_two(refs: &[u64], samples: &[Vec<u8>], created: Option<i64>) -> Vec<u8> {
    let mut packed = Vec::new();
    for r in refs {
        varint(&mut packed, *r);
    }
    let mut out = message(&samples.iter().map(|s| (2, s.clone())).collect::<Vec<_>>());
    put_bytes(&mut out, 1, &packed);
    if let Some(created) = created {
        number(&mut out, 6, created);
    }
    out
}

#[test]
fn version_two_is_read_with_both_places_for_the_start() {
    let symbols = ["", "__name__", "up", "job", "api"];
    let mut started = sample(2.0, 5_000);
    number(&mut started, 3, 4_000);
    let mut body = Vec::new();
    // What refers to the table may stand before it.
    put_bytes(&mut body, 5, &series_two(&[1, 2, 3, 4], &[sample(1.0, 3_000), started], Some(1_000)));
    for symbol in symbols {
        put_bytes(&mut body, 4, symbol.as_bytes());
    }
    let (held, kept) = read(Version::Two, &body).unwrap();
    assert_eq!(held, Held { samples: 2, histograms: 0, exemplars: 0 });
    let (metric, labels, wrong, points) = &kept.0[0];
    assert_eq!(
        (metric.as_str(), labels.as_slice(), wrong),
        ("up", [("job".to_owned(), "api".to_owned())].as_slice(), &None)
    );
    assert_eq!(points[0], "1970-01-01T00:00:03Z Some(1970-01-01T00:00:01Z) Total(Float(1.0))");
    assert_eq!(points[1], "1970-01-01T00:00:05Z Some(1970-01-01T00:00:04Z) Total(Float(2.0))");

    for refs in [&[1, 2, 3][..], &[1, 9], &[1, u64::MAX]] {
        let mut body = message(&[(4, Vec::new()), (4, b"__name__".to_vec()), (4, b"up".to_vec())]);
        put_bytes(&mut body, 5, &series_two(refs, &[], None));
        assert_eq!(read(Version::Two, &body).err().unwrap().problem, &problem::MALFORMED_PROTOBUF, "{refs:?}");
    }
}

#[test]
fn requests_of_remote_write_have_limits() {
    let many = |n: usize| message(&vec![(1, Vec::new()); n]);
    assert!(read(Version::One, &many(SERIES_MAX)).is_ok());
    assert_eq!(read(Version::One, &many(SERIES_MAX + 1)).err().unwrap().problem, &problem::TOO_MANY_SERIES);
    let points = |n: usize| message(&[(1, message(&vec![(2, Vec::new()); n]))]);
    assert!(read(Version::One, &points(POINTS_MAX)).is_ok());
    assert_eq!(read(Version::One, &points(POINTS_MAX + 1)).err().unwrap().problem, &problem::TOO_MANY_SERIES);
    let symbols = |n: usize| message(&vec![(4, Vec::new()); n]);
    assert!(read(Version::Two, &symbols(SYMBOLS_MAX)).is_ok());
    assert_eq!(read(Version::Two, &symbols(SYMBOLS_MAX + 1)).err().unwrap().problem, &problem::TOO_MANY_SERIES);

    let labelled = |n: usize| {
        let names: Vec<String> = (0..n).map(|i| format!("l{i}")).collect();
        let labels: Vec<(&str, &str)> = names.iter().map(|n| (n.as_str(), "x")).collect();
        read(Version::One, &message(&[(1, series_one(&labels, &[]))])).unwrap().1.0[0].2.clone()
    };
    assert_eq!(labelled(LABELS_MAX), None);
    assert!(labelled(LABELS_MAX + 1).is_some());
    let twice = read(Version::One, &message(&[(1, series_one(&[("a", "1"), ("a", "2")], &[]))])).unwrap().1;
    assert_eq!(twice.0[0].2.as_deref(), Some("the label `a` occurs twice"));
    let long = "x".repeat(10_000);
    assert!(read(Version::One, &message(&[(1, series_one(&[("a", &long)], &[]))])).unwrap().1.0[0].2.is_some());
}

#[test]
fn snappy_is_bounded_before_it_is_taken_apart() {
    let good = snap::raw::Encoder::new().compress_vec(b"hello").unwrap();
    assert_eq!(remote_write::decompress(&good).unwrap(), b"hello");
    for bad in [&good[..good.len() - 1], b"", b"\xff\xff\xff\xff\xff\xff", &[5, 0xff]] {
        let refusal = remote_write::decompress(bad).unwrap_err();
        assert!([&problem::BAD_COMPRESSION, &problem::BODY_TOO_LARGE].contains(&refusal.problem), "{bad:?}");
    }
    // A length of four gigabytes, and nothing behind it.
    assert_eq!(
        remote_write::decompress(&[0xff, 0xff, 0xff, 0xff, 0x0f]).unwrap_err().problem,
        &problem::BODY_TOO_LARGE
    );
    let bomb = snap::raw::Encoder::new().compress_vec(&vec![0; crate::ingest::limits::BODY_BYTES_MAX + 1]).unwrap();
    assert_eq!(remote_write::decompress(&bomb).unwrap_err().problem, &problem::BODY_TOO_LARGE);
}

fn rule(name: &str, measure: Measure) -> MetricRule {
    MetricRule {
        name: name.into(),
        measure,
        service: Template::parse("{job}").unwrap(),
        sli: "availability".into(),
        endpoint: None,
        environment: None,
        region: None,
        source: None,
    }
}

fn selector(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}

fn bad_rule() -> MetricRule {
    rule("http", Measure::Bad { total: selector("http_total"), bad: selector("http_total{code=~\"5..\"}") })
}

fn map(rules: Vec<MetricRule>, run: impl FnOnce(&mut Mapper<'_>)) -> (Vec<FeedReadings>, Tally) {
    let rules = MetricRules::new(rules);
    let knows = |service: &str| service == "api";
    let mut mapper = Mapper::new(&rules, &knows, None, NOW);
    run(&mut mapper);
    mapper.finish()
}

fn series<'a>(metric: &'a str, labels: &[(&'a str, &'a str)]) -> Series<'a> {
    let labels = labels.iter().map(|(n, v)| (Cow::Borrowed(*n), Cow::Borrowed(*v))).collect();
    Series { metric: Cow::Borrowed(metric), unit: "", labels, wrong: None }
}

fn total(value: f64) -> Point<'static> {
    Point { at: NOW, since: None, value: Value::Total(Number::Float(value)) }
}

fn roles(groups: &[FeedReadings]) -> Vec<(Role, u64)> {
    groups.iter().flat_map(|g| &g.readings).map(|r: &Reading| (r.role, r.value)).collect()
}

#[test]
fn a_counter_counts_for_what_its_rule_says() {
    let (groups, tally) = map(vec![bad_rule()], |mapper| {
        mapper.take(&series("http_total", &[("code", "200"), ("job", "api")]), &[total(90.0)]);
        mapper.take(&series("http_total", &[("code", "503"), ("job", "api")]), &[total(10.9)]);
        mapper.take(&series("http_total", &[("code", "503"), ("job", "other")]), &[total(1.0)]);
        mapper.take(&series("unrelated", &[("job", "api")]), &[total(f64::NAN)]);
        mapper.take(&series("http_total", &[("code", "503")]), &[total(1.0)]);
        mapper.take(&series("http_total", &[("code", "500"), ("job", "api")]), &[total(-1.0)]);
    });
    assert_eq!(groups.len(), 1);
    assert_eq!((groups[0].feed.series.service.as_str(), groups[0].feed.source.as_str()), ("api", "metrics.http"));
    assert_eq!(roles(&groups), [(Role::GoodTotal, 90), (Role::Total, 10)]);
    assert_eq!((tally.taken, tally.unwanted, tally.rejected), (2, 2, 2));
    assert_eq!(
        tally.reasons.keys().collect::<Vec<_>>(),
        ["`http_total` has no label `job` for the service of rule `http`", "a counter stands at -1, which is no count"]
    );
    let good =
        rule("g", Measure::Good { total: selector("all"), good: selector("{__name__=~\"all|ok\",code=\"200\"}") });
    let (groups, _) = map(vec![good], |mapper| {
        mapper.take(&series("all", &[("code", "200"), ("job", "api")]), &[total(1.0)]);
        mapper.take(&series("all", &[("code", "500"), ("job", "api")]), &[total(2.0)]);
        mapper.take(&series("ok", &[("code", "200"), ("job", "api")]), &[total(3.0)]);
    });
    assert_eq!(roles(&groups), [(Role::GoodTotal, 1), (Role::Total, 2), (Role::Good, 3)]);
}

#[test]
fn counters_of_instances_are_apart_and_the_same_counter_is_the_same() {
    let identities = |first: &[(&str, &str)], second: &[(&str, &str)]| {
        let (groups, _) = map(vec![bad_rule()], |mapper| {
            mapper.take(&series("http_total", first), &[total(1.0)]);
            mapper.take(&series("http_total", second), &[total(1.0)]);
        });
        (groups[0].readings[0].counter, groups[0].readings[1].counter)
    };
    let (a, b) = identities(&[("instance", "a"), ("job", "api")], &[("instance", "b"), ("job", "api")]);
    assert_ne!(a, b);
    let (a, b) = identities(&[("instance", "a"), ("job", "api")], &[("instance", "a"), ("job", "api")]);
    assert_eq!(a, b);
    // The border between two texts counts too.
    let (a, b) = identities(&[("a", "bc"), ("job", "api")], &[("ab", "c"), ("job", "api")]);
    assert_ne!(a, b);
}

#[test]
fn classic_histograms_are_two_counters_of_one_pair() {
    let latency =
        rule("l", Measure::Histogram { histogram: selector("http_seconds"), threshold: Span::from_millis(300) });
    let (groups, tally) = map(vec![latency], |mapper| {
        mapper.take(&series("http_seconds_bucket", &[("job", "api"), ("le", "0.1")]), &[total(1.0)]);
        mapper.take(&series("http_seconds_bucket", &[("job", "api"), ("le", "0.3")]), &[total(8.0)]);
        mapper.take(&series("http_seconds_bucket", &[("job", "api"), ("le", "+Inf")]), &[total(10.0)]);
        mapper.take(&series("http_seconds_count", &[("job", "api")]), &[total(10.0)]);
        mapper.take(&series("http_seconds_sum", &[("job", "api")]), &[total(1.7)]);
    });
    assert_eq!(roles(&groups), [(Role::HistogramGood, 8), (Role::HistogramTotal, 10)]);
    let [good, all] = [0, 1].map(|at| groups[0].readings[at].counter);
    assert_eq!(good, all ^ 1);
    assert_eq!(groups[0].feed.series.threshold, Some(Span::from_millis(300)));
    assert_eq!((tally.taken, tally.unwanted), (2, 3));
    let native = Point { at: NOW, since: None, value: Value::Unusable("a native histogram") };
    let latency =
        rule("l", Measure::Histogram { histogram: selector("http_seconds"), threshold: Span::from_millis(300) });
    let (_, tally) = map(vec![latency], |mapper| mapper.take(&series("http_seconds", &[("job", "api")]), &[native]));
    assert_eq!((tally.rejected, tally.rejected_histograms), (1, 1), "{:?}", tally.reasons);
}

fn attribute(name: &str, value: &str) -> Vec<u8> {
    message(&[(1, name.into()), (2, message(&[(1, value.into())]))])
}

fn export(resource: &[Vec<u8>], metrics: &[Vec<u8>]) -> Vec<u8> {
    let resource = message(&resource.iter().map(|a| (1, a.clone())).collect::<Vec<_>>());
    let scope = message(&metrics.iter().map(|m| (2, m.clone())).collect::<Vec<_>>());
    message(&[(1, message(&[(2, scope), (1, resource)]))])
}

fn sum(name: &str, points: &[Vec<u8>], temporality: i64, monotonic: i64) -> Vec<u8> {
    let mut sum = message(&points.iter().map(|p| (1, p.clone())).collect::<Vec<_>>());
    number(&mut sum, 2, temporality);
    number(&mut sum, 3, monotonic);
    message(&[(1, name.into()), (7, sum)])
}

fn int_point(attributes: &[Vec<u8>], at: i64, value: i64) -> Vec<u8> {
    let mut point = message(&attributes.iter().map(|a| (7, a.clone())).collect::<Vec<_>>());
    fixed(&mut point, 2, 1_799_999_990_000_000_000);
    fixed(&mut point, 3, at.cast_unsigned() * 1_000_000);
    fixed(&mut point, 6, value.cast_unsigned());
    point
}

#[test]
fn sums_of_otlp_are_read_with_both_temporalities() {
    let point = |code, value| int_point(&[attribute("code", code)], NOW.as_millis(), value);
    let body = export(
        &[attribute("job", "api"), attribute("code", "the resource's")],
        &[
            sum("http_total", &[point("200", 90), point("503", 10)], 2, 1),
            sum("http_total", &[point("200", 5)], 1, 1),
            sum("http_total", &[point("200", 5)], 0, 1),
            sum("http_total", &[point("200", 5)], 2, 0),
        ],
    );
    let mut points = 0;
    let (groups, tally) = map(vec![bad_rule()], |mapper| points = otlp::read(&body, mapper).unwrap());
    assert_eq!(points, 5);
    assert_eq!(roles(&groups), [(Role::GoodTotal, 90), (Role::Total, 10), (Role::GoodTotal, 5)]);
    let readings = &groups[0].readings;
    assert_eq!(readings.iter().map(|r| r.added).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(readings[0].since, Some(Timestamp::from_seconds(1_799_999_990)));
    assert_eq!((tally.taken, tally.rejected), (3, 2), "{:?}", tally.reasons);
    assert_eq!(otlp::answer(0, ""), Vec::<u8>::new());
    assert_eq!(otlp::answer(2, "x"), [0x0a, 5, 0x08, 2, 0x12, 1, b'x']);
}

fn histogram(bounds: &[f64], counts: &[u64], count: u64, unit: &str) -> Vec<u8> {
    let mut point = Vec::new();
    fixed(&mut point, 3, NOW.as_millis().cast_unsigned() * 1_000_000);
    fixed(&mut point, 4, count);
    put_bytes(&mut point, 6, &counts.iter().flat_map(|c| c.to_le_bytes()).collect::<Vec<_>>());
    put_bytes(&mut point, 7, &bounds.iter().flat_map(|b| b.to_le_bytes()).collect::<Vec<_>>());
    put_bytes(&mut point, 9, &attribute("job", "api"));
    let mut histogram = message(&[(1, point)]);
    number(&mut histogram, 2, 2);
    message(&[(1, b"http.server.request.duration".to_vec()), (3, unit.into()), (9, histogram)])
}

#[test]
fn histograms_of_otlp_need_the_threshold_among_their_bounds() {
    let latency = || {
        let histogram = selector("http.server.request.duration");
        rule("l", Measure::Histogram { histogram, threshold: Span::from_millis(300) })
    };
    let run =
        |metric: Vec<u8>| map(vec![latency()], |mapper| assert_eq!(otlp::read(&export(&[], &[metric]), mapper), Ok(1)));
    let (groups, _) = run(histogram(&[0.1, 0.3, 1.0], &[5, 3, 1, 1], 10, "s"));
    assert_eq!(roles(&groups), [(Role::Total, 10), (Role::Good, 8)]);
    let (groups, _) = run(histogram(&[100.0, 300.0], &[5, 3, 2], 10, "ms"));
    assert_eq!(roles(&groups), [(Role::Total, 10), (Role::Good, 8)]);
    let buckets = |count: u32| {
        let bounds: Vec<f64> = (1..count).map(|n| f64::from(n) * 0.3).collect();
        let counts: Vec<u64> = (0..count).map(|n| if n == 0 { 10 } else { 0 }).collect();
        run(histogram(&bounds, &counts, 10, "s"))
    };
    let most = u32::try_from(HISTOGRAM_BUCKETS_MAX).unwrap();
    assert_eq!(roles(&buckets(most).0), [(Role::Total, 10), (Role::Good, 10)]);
    assert!(buckets(most + 1).1.why().contains("more than 1000 buckets"));
    for (bounds, counts, words) in [
        (&[0.1, 0.25][..], &[1, 1, 8][..], "0.3, is no bound of the histogram; its bounds are 0.1, 0.25"),
        (&[0.3], &[1], "not one more counts than bounds"),
        (&[0.3], &[11, 0], "more than its count"),
        (&[0.1, 0.3], &[u64::MAX, 1, 0], "more than its count"),
        (&[f64::NAN], &[1, 9], "no bound"),
    ] {
        let (groups, tally) = run(histogram(bounds, counts, 10, "s"));
        assert!(groups.is_empty() && tally.rejected == 1 && tally.why().contains(words), "{words}: {}", tally.why());
    }
}

#[test]
fn other_kinds_of_otlp_are_refused_where_a_rule_wants_them() {
    let gauge = message(&[(1, b"http_total".to_vec()), (5, message(&[(1, int_point(&[], 1, 1))]))]);
    let summary = message(&[(1, b"http_total".to_vec()), (11, message(&[(1, Vec::new())]))]);
    let exponential = message(&[(1, b"http_total".to_vec()), (10, message(&[(1, Vec::new())]))]);
    let body = export(&[attribute("job", "api")], &[gauge, summary, exponential]);
    let (_, tally) = map(vec![bad_rule()], |mapper| assert_eq!(otlp::read(&body, mapper), Ok(3)));
    assert_eq!(tally.rejected, 3);
    let other = export(&[], &[sum("other", &[int_point(&[], 1, 1)], 1, 1)]);
    let (_, tally) = map(vec![bad_rule()], |mapper| assert_eq!(otlp::read(&other, mapper), Ok(1)));
    assert_eq!((tally.unwanted, tally.rejected), (1, 0));
    let points = |n: usize| export(&[], &[sum("other", &vec![Vec::new(); n], 1, 1)]);
    assert_eq!(otlp::read(&points(POINTS_MAX), &mut Kept::default()), Ok(POINTS_MAX as u64));
    assert_eq!(
        otlp::read(&points(POINTS_MAX + 1), &mut Kept::default()).unwrap_err().problem,
        &problem::TOO_MANY_SERIES
    );
}

#[test]
fn times_are_checked_where_a_rule_wants_the_series() {
    let wanted = series("http_total", &[("code", "200"), ("job", "api")]);
    let at = |at: Timestamp| Point { at, ..total(1.0) };
    for (time, good) in [
        (NOW.plus(Span::from_minutes(2)), true),
        (NOW.plus(Span::from_millis(120_001)), false),
        (NOW.minus(Span::from_hours(24 * 31)), true),
        (NOW.minus(Span::from_millis(24 * 31 * 3_600_000 + 1)), false),
    ] {
        let (_, tally) = map(vec![bad_rule()], |mapper| mapper.take(&wanted, &[at(time)]));
        assert_eq!(tally.rejected == 0, good, "{time}: {}", tally.why());
    }
}

#[test]
fn damaged_messages_never_do_more_than_be_refused() {
    let point = int_point(&[attribute("code", "200")], NOW.as_millis(), 1);
    let otlp_body =
        export(&[attribute("job", "api")], &[sum("http_total", &[point], 2, 1), histogram(&[0.3], &[1, 0], 1, "s")]);
    let one = message(&[(1, series_one(&[("__name__", "http_total"), ("job", "api")], &[sample(1.0, 1)]))]);
    let rules = MetricRules::new(vec![bad_rule()]);
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..5_000_u32 {
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 33).unwrap()
        };
        for body in [&otlp_body, &one] {
            let mut damaged = body.clone();
            for _ in 0..=round % 4 {
                let at = random() % damaged.len();
                damaged[at] = u8::try_from(random() & 0xff).unwrap();
            }
            damaged.truncate(1 + random() % damaged.len());
            let mut mapper = Mapper::new(&rules, &|_| true, None, NOW);
            let _ = otlp::read(&damaged, &mut mapper);
            let _ = remote_write::read(Version::One, &damaged, &mut mapper);
            let _ = remote_write::read(Version::Two, &damaged, &mut mapper);
        }
    }
}
