//! Every parser of foreign bytes, as a function that must hold for any bytes. The register below serves cargo-fuzz (`fuzz_targets/any.rs`)
//! and the ordinary tests (`tests/it/fuzz.rs`), which feed it the corpora and mutations of them.
//!
//! A new parser is a function and a line in [`TARGETS`], its `[[bin]]` in `Cargo.toml`, and a folder of a few seeds in `corpus/`; a new dialect
//! needs the line alone (`dialect("name", body)`).

use std::collections::BTreeMap;

use axum::extract::Query;
use callout::auth::link::LinkKey;
use callout::config::metrics::{MetricRules, Selector};
use callout::config::template::{self, OUTPUT_BYTES_MAX, Values};
use callout::domain::{EventId, Fingerprint, Name, Seq, SilenceId, Span, Timestamp};
use callout::engine::input::MatcherSpec;
use callout::engine::policy::TeamDedup;
use callout::engine::state::Alert;
use callout::exchange;
use callout::http::params::Params;
use callout::http::{Filter, cursor, read_cursor};
use callout::ingest::metrics::mapping::Mapper;
use callout::ingest::metrics::remote_write::{self, Version};
use callout::ingest::{self, Context, DIALECTS, Kept, Known};
use callout::journal::{self, CodecError, Record, RecordBody};
use callout::rules::dedup::DedupRule;
use callout::rules::expression::Expression;
use callout::rules::matcher::Matcher;
use callout::runtime::Incoming;
use callout::schedule::CivilCron;
use callout::store::file::{frame, snapshot};

/// What a target is given.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: &[(&str, Target)] = &[
    ("journal_record", journal_record),
    ("journal_frame", journal_frame),
    ("snapshot", snapshot_file),
    ("dialect_native", |bytes| dialect("native", bytes)),
    ("dialect_alertmanager", |bytes| dialect("alertmanager", bytes)),
    ("matchers", |bytes| texts(bytes, matchers)),
    ("expression", |bytes| texts(bytes, expression)),
    ("dedup_pattern", |bytes| texts(bytes, dedup_pattern)),
    ("duration", |bytes| texts(bytes, duration)),
    ("timestamp", |bytes| texts(bytes, timestamp)),
    ("cron", |bytes| texts(bytes, cron)),
    ("configuration", |bytes| texts(bytes, configuration)),
    ("action_link", |bytes| texts(bytes, action_link)),
    ("samples", |bytes| texts(bytes, samples)),
    ("remote_write_body", remote_write_body),
    ("remote_write_one", |bytes| remote_write(Version::One, bytes)),
    ("remote_write_two", |bytes| remote_write(Version::Two, bytes)),
    ("otlp", otlp),
    ("selector", |bytes| texts(bytes, selector)),
    ("openslo", |bytes| texts(bytes, openslo)),
    ("sloth", |bytes| texts(bytes, sloth)),
    ("template", |bytes| texts(bytes, template)),
    ("http_parameters", |bytes| texts(bytes, http_parameters)),
    ("calendar", calendar),
];

/// Runs the target of that name.
///
/// # Panics
/// When there is none, and when what must hold does not.
pub fn run(name: &str, bytes: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("the register has the target");
    target(bytes);
}

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

fn texts(bytes: &[u8], target: fn(&str)) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        target(text);
    }
}

/// A calendar of others: entries in order within bounds, or a reason.
fn calendar(bytes: &[u8]) {
    let utc = jiff::tz::TimeZone::UTC;
    let (from, to) = (jiff::civil::date(2026, 1, 1), jiff::civil::date(2027, 1, 1));
    let zones = |name: &str| jiff::tz::TimeZoneDatabase::bundled().get(name).ok();
    let Ok(read) = callout::ical::read::read(bytes, &utc, zones, from, to) else { return };
    assert!(read.entries.len() <= callout::ical::read::OCCURRENCES_MAX);
    assert!(read.entries.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(read.entries.iter().all(|entry| entry.start < entry.end));
}

/// What is read is written again as it was understood, and read again as the same.
fn journal_record(bytes: &[u8]) {
    let seq = match journal::decode(Seq(0), bytes) {
        Err(CodecError::Misplaced { found, .. }) => found,
        _ => Seq(0),
    };
    if let Ok(record) = journal::decode(seq, bytes) {
        same_again(&record);
    }
}

fn same_again(record: &Record) {
    let mut bytes = Vec::new();
    journal::encode_into(&mut bytes, record.seq, record.at, &record.body).expect("what was read can be written");
    let again = journal::decode(record.seq, &bytes).expect("what was written can be read");
    assert_eq!(again, *record);
    assert!(!format!("{again:?}").is_empty());
}

/// Bytes as a frame, as they are and with their checksum put right: damage must be found, or read without harm.
fn journal_frame(bytes: &[u8]) {
    const SALT: u64 = 0x5a17;
    if let Some(head) = frame::Head::read(bytes) {
        let _ = head.span();
        if head.is_whole(SALT, bytes) {
            records_of(head, bytes);
        }
    }
    let Some((&count, records)) = bytes.split_first() else { return };
    let mut sealed = vec![0; frame::HEADER];
    sealed.extend_from_slice(records);
    frame::seal(&mut sealed, SALT, Seq(1), u32::from(count).max(1));
    let head = frame::Head::read(&sealed).expect("a sealed frame has a head");
    assert!(head.is_whole(SALT, &sealed));
    records_of(head, &sealed[..frame::HEADER + head.length as usize]);
    let last = sealed.len() - 1;
    let harmed = frame::HEADER + bytes.len() / 2;
    if harmed < frame::HEADER + head.length as usize {
        sealed[harmed.min(last)] ^= 1;
        assert!(!head.is_whole(SALT, &sealed), "a flipped bit is found");
    }
}

fn records_of(head: frame::Head, bytes: &[u8]) {
    for seq in (head.first.0..head.end().0).take(256) {
        if let Ok(Some(record)) = frame::record(bytes, head, Seq(seq)) {
            same_again(&record);
        }
    }
}

struct Nothing;

impl Known for Nothing {
    fn look(&self, look: &mut dyn FnMut(&BTreeMap<Fingerprint, Alert>, bool)) {
        look(&BTreeMap::new(), false);
    }
}

/// What is taken can be stored, and each outcome has an answer with a status of HTTP.
fn dialect(name: &str, body: &[u8]) {
    let dialect = DIALECTS.iter().find(|dialect| dialect.name == name).expect("the dialect is registered");
    let refused = |refusal| {
        let answer = (dialect.refuse)(&refusal);
        assert!((400..500).contains(&answer.status), "{}", answer.status);
    };
    let text = match ingest::utf8(body) {
        Ok(text) => text,
        Err(refusal) => return refused(refusal),
    };
    let context = Context { now: NOW, organisation: "acme", known: &Nothing, may: None };
    let parsed = match (dialect.parse)(text, &context) {
        Ok(parsed) => parsed,
        Err(refusal) => return refused(refusal),
    };
    for (seq, incoming) in (1..).zip(&parsed.taken) {
        if let Incoming::New(event) = incoming {
            let body =
                RecordBody::Input(std::sync::Arc::new(callout::engine::Input::Event(std::sync::Arc::clone(event))));
            same_again(&Record { seq: Seq(seq), at: NOW, body });
            let keys = TeamDedup::default();
            let _ = (event.fingerprint(), keys.breach.key(event, "team"), keys.resource.key(event, "team"));
        }
    }
    let kept: Vec<Kept> = (1..).map(|n| Kept { event: EventId(n), repeated: false }).take(parsed.taken.len()).collect();
    let answer = (dialect.answer)(&parsed, &kept);
    assert!((200..500).contains(&answer.status), "{}", answer.status);
    if answer.content_type.is_some_and(|kind| kind.contains("json")) {
        let _: serde_json::Value = serde_json::from_slice(&answer.body).expect("the answer is JSON");
    }
}

/// What is read is written in a form that reads as the same.
fn matchers(text: &str) {
    for matcher in Matcher::parse_all(text).unwrap_or_default() {
        let spec: MatcherSpec = matcher.to_spec();
        assert_eq!(Matcher::from_spec(&spec).as_ref(), Ok(&matcher));
        assert_eq!(Matcher::parse(&matcher.to_string()).as_ref(), Ok(&matcher), "{matcher}");
        let _ = matcher.matches(|name| (name.len() % 2 == 0).then_some(text));
    }
}

/// An expression and a text below it: the short cut over required texts must not change what matches.
fn expression(text: &str) {
    let (source, value) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(expression) = Expression::new(&Name::from(source)) else { return };
    // A comment of the extended form would swallow the bracket.
    if source.contains('#') {
        return;
    }
    if let Ok(plain) = regex::Regex::new(&format!("^(?:{source})$")) {
        assert_eq!(expression.is_match(value), Some(plain.is_match(value)), "{source:?} on {value:?}");
    }
}

fn dedup_pattern(text: &str) {
    let Ok(rule) = DedupRule::parse_pattern(text) else { return };
    let body = r#"{"kind": "resource", "service": "api", "labels": {"alertname": "disk", "host": "a{b}/c"}}"#;
    let context = Context { now: NOW, organisation: "acme", known: &Nothing, may: None };
    let native = DIALECTS.iter().find(|dialect| dialect.name == "native").expect("the native dialect is registered");
    let Ok(parsed) = (native.parse)(body, &context) else { return };
    for incoming in &parsed.taken {
        if let Incoming::New(event) = incoming {
            assert_eq!(rule.key(event, "team"), rule.key(event, "team"));
        }
    }
}

/// What is read is written as the same length of time.
fn duration(text: &str) {
    if let Ok(span) = Span::parse(text) {
        assert_eq!(Span::parse(&span.to_string()), Ok(span), "{text:?}");
    }
}

/// What is read is written as the same time.
fn timestamp(text: &str) {
    if let Ok(at) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&at.to_string()), Ok(at), "{text:?}");
    }
}

/// Times come in order, and the time before the next is the one that was asked from.
fn cron(text: &str) {
    let Ok(cron) = CivilCron::parse(text) else { return };
    let mut at = jiff::civil::date(2026, 2, 27).at(23, 59, 0, 0);
    for _ in 0..5 {
        let Some(next) = cron.next_after(at) else { return };
        assert!(next > at, "{text:?}: {next} is not after {at}");
        assert_eq!(cron.prev_at_or_before(next), Some(next), "{text:?}");
        at = next;
    }
}

/// Files of a configuration, `---` between two: whatever they say, there is a configuration or a reason why not, and it can be printed.
fn configuration(text: &str) {
    let names = ["callout.toml", "teams/a.toml", "rules/b.toml"];
    let files = names.into_iter().zip(text.splitn(3, "\n---\n"));
    let report = callout::config::load_texts(files, NOW);
    let printed = report.render(false);
    assert!(report.loaded.is_some() || !printed.is_empty());
    let _ = report.render(true);
}

/// What nobody signed is no link.
fn action_link(text: &str) {
    assert!(LinkKey::new([7; 32]).verify(text, NOW).is_err());
}

/// What is taken is a part of what it is taken from.
fn samples(text: &str) {
    let context = Context { now: NOW, organisation: "acme", known: &Nothing, may: None };
    if let Ok(read) = ingest::samples::read(text, &context, &callout::config::metrics::MetricRules::default()) {
        assert!(read.samples.iter().all(|(_, sample)| sample.good <= sample.total));
        let answer = ingest::samples::answer(ingest::samples::Counted::default(), &read.rejected);
        let _: serde_json::Value = serde_json::from_slice(&answer.body).expect("the answer is JSON");
    }
}

fn remote_write_body(bytes: &[u8]) {
    if let Ok(body) = remote_write::decompress(bytes) {
        assert!(body.len() <= ingest::limits::BODY_BYTES_MAX);
    }
}

/// Rules that want much.
fn metric_rules() -> std::sync::Arc<MetricRules> {
    let text = "[organisation]\nname = \"acme\"\nfallback = \"ops\"\n[teams.ops]\n[services.api]\nteam = \"ops\"\n\
        [metrics.any]\ntotal = '{__name__=~\".+\"}'\nbad = '{__name__=~\".+\",code=~\"5..\"}'\nservice = \"{job}\"\nsli = \"availability\"\n\
        [metrics.fast]\nhistogram = 'h'\nthreshold = \"300ms\"\nservice = \"api\"\nsli = \"latency\"\n";
    let report = callout::config::load_texts([("callout.toml", text)], NOW);
    report.loaded.expect("it has no mistakes").settings.metrics.clone()
}

/// Nothing is made of more than came.
fn map(read: impl FnOnce(&mut Mapper<'_>) -> Option<u64>) {
    static RULES: std::sync::OnceLock<std::sync::Arc<MetricRules>> = std::sync::OnceLock::new();
    let mut mapper = Mapper::new(RULES.get_or_init(metric_rules), &|_| true, None, NOW);
    let held = read(&mut mapper);
    let (groups, tally) = mapper.finish();
    if let Some(held) = held {
        assert_eq!(tally.taken + tally.unwanted + tally.rejected, held);
        assert!(groups.iter().map(|group| group.readings.len() as u64).sum::<u64>() <= 4 * held);
        assert!(tally.why().len() < 64 * 1024);
    }
}

fn remote_write(version: Version, bytes: &[u8]) {
    map(|mapper| remote_write::read(version, bytes, mapper).ok().map(|held| held.samples + held.histograms));
}

fn otlp(bytes: &[u8]) {
    map(|mapper| ingest::metrics::otlp::read(bytes, mapper).ok());
}

/// What is read is written as the same selector.
fn selector(text: &str) {
    if let Ok(selector) = Selector::parse(text) {
        assert_eq!(Selector::parse(&selector.to_string()).as_ref(), Ok(&selector), "{text:?}");
    }
}

/// Whatever is imported is TOML, and so can be checked.
fn imported(imported: Result<exchange::Imported, exchange::Unreadable>) {
    if let Ok(imported) = imported {
        let report = callout::config::load_texts([("callout.toml", imported.toml.as_str())], NOW);
        assert!(report.diagnostics.iter().all(|d| d.code != "syntax"), "{}\n{}", report.render(false), imported.toml);
        let _ = imported.report.to_string();
    }
}

fn openslo(text: &str) {
    imported(exchange::openslo::import([text], "ops"));
}

fn sloth(text: &str) {
    imported(exchange::sloth::import([text], "ops"));
}

/// A template, `---`, and what a sender may say: whatever both are, there is a text within its bounds or a reason, and the same each time.
fn template(text: &str) {
    let (source, said) = text.split_once("\n---\n").unwrap_or((text, "said"));
    let tried = template::check(source);
    assert_eq!(tried, template::check(source), "{source:?}");
    let (labels, annotations) = (BTreeMap::from([("host", said), (said, source)]), BTreeMap::from([("summary", said)]));
    let values = Values { headline: said, details: said, labels, annotations, ..Values::sample() };
    match template::render(source, &values) {
        Ok(text) => assert!(!text.is_empty() && text.len() <= OUTPUT_BYTES_MAX, "{source:?}"),
        Err(why) => assert!(!why.to_string().is_empty()),
    }
    // What a sender says is text: as it came, never a template of its own.
    let echoed = template::render("{{ headline }}", &values);
    let want = if said.len() > OUTPUT_BYTES_MAX { "" } else { said.trim() };
    assert_eq!(echoed.unwrap_or_default(), want, "{said:?}");
}

/// A state as it lies in a snapshot, as it is and with its checksums put right: damage is found, or read without harm.
fn snapshot_file(bytes: &[u8]) {
    let (path, applied) = (std::path::Path::new("00000000000000000007.snap"), Seq(7));
    if let Err(error) = snapshot::decode(bytes, path, applied) {
        assert!(!error.to_string().is_empty());
    }
    let sealed = snapshot::sealed(bytes, applied);
    if let Ok(state) = snapshot::decode(&sealed, path, applied) {
        assert!(snapshot::decode(&sealed, path, Seq(8)).is_err(), "it stands where it stands");
        assert!(!format!("{state:?}").is_empty());
    }
    let mut harmed = sealed;
    let at = bytes.len() / 2 + harmed.len() - bytes.len();
    if let Some(byte) = harmed.get_mut(at) {
        *byte ^= 1;
        assert!(snapshot::decode(&harmed, path, applied).is_err(), "a flipped bit is found");
    }
}

/// What stands behind the question mark of a request, as handlers read it; and ids, as they stand in paths.
fn http_parameters(text: &str) {
    if let Ok(id) = text.parse::<EventId>() {
        assert_eq!(id.to_string().parse::<EventId>().ok(), Some(id));
    }
    if let Ok(id) = text.parse::<SilenceId>() {
        assert_eq!(id.to_string().parse::<SilenceId>().ok(), Some(id));
    }
    let Ok(uri) = format!("/v1/incidents?{text}").parse::<axum::http::Uri>() else { return };
    let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(&uri) else { return };
    let known = ["limit", "cursor", "team", "status", "priority", "service", "unowned", "drill", "at"];
    let Ok(params) = Params::of(pairs, &known) else { return };
    let _ = Filter::of(&params);
    assert!(params.limit(50, 500).map_or(true, |limit| (1..=500).contains(&limit)), "{text:?}");
    if let Ok(Some(at)) = params.time("at") {
        assert_eq!(Timestamp::parse(&at.to_string()), Ok(at), "{text:?}");
    }
    if let Some(at) = params.get("cursor").and_then(|text| read_cursor(text).ok()) {
        assert_eq!(read_cursor(&cursor(at)).ok(), Some(at), "{text:?}");
    }
}
