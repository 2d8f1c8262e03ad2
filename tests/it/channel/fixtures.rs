//! Messages to send, made by hand: the worked breach of the mission, and the nastiest that a sender could think of.

use std::collections::BTreeMap;
use std::path::PathBuf;

use callout::channel::digest::{Digest, DigestLinks, Named, Tally};
use callout::channel::{
    self, ActionLinks, Channel, Choices, Content, Fact, Link, Measure, Measured, Message, PersonName, Picture, Sending,
    Urgency,
};
use callout::chart::Chart;
use callout::config::{
    ChannelSettings, Common, EmailSettings, HttpTarget, SecretError, SecretRef, SlackSettings, TeamsSettings, TlsMode,
    WebhookSettings,
};
use callout::domain::{ChannelKind, ChannelRef, DeliveryId, DigestId, IncidentId, Span, Timestamp};
use callout::engine::input::Actor;
use callout::engine::state::{Purpose, Status};

use crate::support::Sinks;

pub fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub fn facts(pairs: &[(&str, &str)]) -> Vec<Fact> {
    pairs.iter().map(|(n, v)| Fact { name: (*n).into(), value: (*v).into() }).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect()
}

/// What was measured of the worked breach.
fn measured() -> Measured {
    let window = |length: &str, bad, total, failed: &str, burn: &str| Measure {
        length: length.into(),
        bad,
        total,
        failed_percent: Some(failed.into()),
        burn: Some(burn.into()),
    };
    Measured {
        rule: Some("page_slow".into()),
        factor: Some("4".into()),
        objective_percent: Some("99.7".into()),
        windows: vec![
            window("6h", 9_174, 600_000, "1.53", "5.0967"),
            window("30m", 900, 50_000, "1.8", "6"),
            window("1h", 1_529, 100_000, "1.53", "5.0967"),
        ],
        budget_remaining_percent: Some("41.5".into()),
        budget_period: Some("28d".into()),
        budget_gone_in: Some("2d6h40m".into()),
    }
}

/// The same breach as callout judges it from samples: with both burn rates and a chart.
pub fn chart() -> Message {
    let start = at("2026-11-20T14:18:00Z");
    let share = |n: i32| match n {
        0..20 => 400 + (n % 3) * 150,
        20..26 => n * 900,
        _ => 17_500 - (n % 7) * 420,
    };
    let content = Content {
        facts: facts(&[
            ("Service", "data-api"),
            ("Objective", "99.7% over 28d: Availability of get data API"),
            ("Broken by", "510% of the budget: 9,174 of 600,000 failed in 6h, 0.3% allowed; 900 of 50,000 in 30m"),
            ("Burn rate", "5.1x the budget in 6h and 6.0x in 30m, both above 4x (page_slow)"),
            ("Budget left", "41.5% of 28d, depleting; gone in 2 d 6 h at this pace"),
            ("Where", "prod-eu, region eu"),
            ("Deduplicated", "no repeats so far"),
        ]),
        picture: Some(Box::new(Picture {
            chart: Chart {
                title: "failed, every 6 min".into(),
                from: start,
                to: at("2026-11-20T20:18:00Z"),
                points: (0..60).map(|n| (n != 9).then(|| share(n))).collect(),
                threshold: Some((12_000, "1.2% = 4x the budget".into())),
                mark: Some(at("2026-11-20T20:15:01Z")),
                ends: ("15:18".into(), "21:18 CET".into()),
                alt: "Chart of what failed, every 6 min, from 15:18 to 21:18 CET: highest 2.25%, lastly 1.37%; the line is at \
                      1.2% = 4x the budget."
                    .into(),
            },
            url: Some("https://callout.acme.example/c/ch4rt-t0ken.png".into()),
        })),
        ..breach()
    };
    Message { content: Some(Box::new(content)), ..page("U0ANN") }
}

/// The worked breach: 99.7 % objective, 1.5 % failed, five times the budget.
pub fn breach() -> Content {
    Content {
        incident: IncidentId(4711),
        key: "checkout/data-api/get-data/availability/prod-eu".into(),
        status: Status::Triggered,
        status_by: None,
        priority: Some("P2".into()),
        priority_meaning: Some("unusable, but there is a workaround".into()),
        urgency: Urgency::Normal,
        severity: None,
        headline: "availability of GET /api/data/{tenant} in prod-eu: 1.5% failed in 1h, 5.1 times the budget".into(),
        subject: "availability of GET /api/data/{tenant} in prod-eu".into(),
        summary: Some("The app is unusable without it, but a workaround exists.".into()),
        team: "checkout".into(),
        unowned: false,
        drill: false,
        service: Some("data-api".into()),
        measured: Some(Box::new(measured())),
        picture: None,
        facts: facts(&[
            ("Objective", "99.7% availability over 28d"),
            ("Failed", "1.529% of 100000 requests in 1h"),
            ("Budget left", "41.5% of 28d"),
            ("Where", "prod-eu, region eu"),
            ("Deduplicated", "3 times"),
            ("Snoozed until", "22:15 UTC, for 2h"),
        ]),
        details: facts(&[
            ("cluster", "eu-3"),
            ("neighbours", "20"),
            ("memory", "95%"),
            ("cpu", "90%"),
            ("recycled", "3m before"),
            ("scaled", "10m before"),
        ]),
        deployments: facts(&[("2026.11.20-3", "17m before, 19:58 UTC"), ("2026.11.19-1", "yesterday, 09:12 UTC")]),
        dependencies: facts(&[("users", "99.2% available, 12% of its budget left")]),
        told: vec!["Ana Ruiz".into(), "#checkout-eu-slo-breaches".into()],
        links: [
            ("Runbook", "https://wiki.acme.example/runbooks/data-api"),
            ("Dashboard", "https://grafana.acme.example/d/data-api?var-env=prod-eu&from=now-3h"),
            ("Logs", "https://logs.acme.example/q?service=data-api&level=error"),
        ]
        .map(|(title, url)| Link { title: title.into(), url: url.into() })
        .into(),
        actions: Some(ActionLinks {
            acknowledge: "https://callout.acme.example/a/ack-t0ken".into(),
            snooze: "https://callout.acme.example/a/snooze-t0ken".into(),
            resolve: "https://callout.acme.example/a/resolve-t0ken".into(),
            page: "https://callout.acme.example/incidents/4711".into(),
        }),
        opened_at: at("2026-11-20T20:15:01Z"),
        merged_into: None,
        resolved_at: None,
        timezone: "Europe/Berlin".into(),
        labels: pairs(&[("cluster", "eu-3"), ("service", "data-api")]),
        annotations: pairs(&[("summary", "too many errors")]),
        choices: Choices { raise: Some("P1".into()), lower: Some("P3".into()), escalation: Some((0, 1)), room: None },
    }
}

pub fn message(purpose: Purpose, content: Content) -> Message {
    Message {
        delivery: DeliveryId(17),
        idempotency_key: "acme-D17".into(),
        purpose,
        attempt: 1,
        late: false,
        person: None,
        why: "team channel of checkout".into(),
        content: Some(Box::new(content)),
        digest: None,
        links: Vec::new(),
        follows: None,
        room: None,
        now: at("2026-11-20T20:18:00Z"),
    }
}

/// The page to Ana at `address`.
pub fn page(address: &str) -> Message {
    Message {
        person: Some(PersonName { id: "ana".into(), name: "Ana Ruiz".into(), address: address.into() }),
        why: "step 1 of 4 of checkout: main on call".into(),
        ..message(Purpose::Page, breach())
    }
}

/// The same incident, most urgent.
pub fn urgent() -> Message {
    let content = Content {
        priority: Some("P1".into()),
        priority_meaning: Some("no log-on to any application".into()),
        urgency: Urgency::High,
        severity: Some("critical".into()),
        ..breach()
    };
    Message { content: Some(Box::new(content)), ..page("U0ANN") }
}

pub fn acknowledged() -> Message {
    let at = at("2026-11-20T20:18:00Z");
    let status = Status::Acknowledged { by: Actor::Person("ana".into()), at, until: None };
    let content = Content { status, status_by: Some("Ana Ruiz".into()), ..breach() };
    Message { delivery: DeliveryId(18), idempotency_key: "acme-D18".into(), ..message(Purpose::Acknowledged, content) }
}

/// A drill, as `enrich` words it.
fn drilled() -> Content {
    let headline = "DRILL, nothing is broken: callout tries the way to team checkout in region eu";
    let summary = "Somebody tries whether messages arrive. Acknowledge it if you can; there is nothing else to do.";
    Content {
        drill: true,
        key: "drill/1f2e3d4c5b6a7988".into(),
        headline: headline.into(),
        subject: headline.into(),
        summary: Some(summary.into()),
        priority: None,
        priority_meaning: None,
        service: None,
        facts: facts(&[("Where", "region eu"), ("Deduplicated", "not at all")]),
        details: facts(&[("drill", "5c1f0a9b3d2e4f60"), ("started_by", "token ci")]),
        deployments: Vec::new(),
        dependencies: Vec::new(),
        links: Vec::new(),
        labels: pairs(&[("alertname", "Drill"), ("drill", "5c1f0a9b3d2e4f60")]),
        annotations: pairs(&[("started_by", "token ci"), ("summary", summary)]),
        ..breach()
    }
}

/// A drill's page to Ana.
pub fn drill() -> Message {
    Message { content: Some(Box::new(drilled())), ..page("U0ANN") }
}

/// A drill that is over.
pub fn drill_over() -> Message {
    let over = resolved();
    let status = over.content.as_deref().map(|c| (c.status.clone(), c.status_by.clone(), c.resolved_at)).unwrap();
    let (status, status_by, resolved_at) = status;
    let content = Content { status, status_by, resolved_at, urgency: Urgency::Over, ..drilled() };
    Message { content: Some(Box::new(content)), ..over }
}

pub fn resolved() -> Message {
    let at = at("2026-11-20T21:06:30Z");
    let status = Status::Resolved { by: Actor::Person("ana".into()), at };
    let content = Content {
        status,
        status_by: Some("Ana Ruiz".into()),
        urgency: Urgency::Over,
        resolved_at: Some(at),
        ..breach()
    };
    Message {
        delivery: DeliveryId(19),
        idempotency_key: "acme-D19".into(),
        now: at,
        ..message(Purpose::Resolved, content)
    }
}

pub fn snoozed() -> Message {
    let now = at("2026-11-20T20:20:00Z");
    let status = Status::Snoozed { by: Actor::Person("ana".into()), at: now, until: at("2026-11-20T22:20:00Z") };
    let content = Content { status, status_by: Some("Ana Ruiz".into()), ..breach() };
    Message { idempotency_key: "acme-D20".into(), ..message(Purpose::Snoozed, content) }
}

pub fn reopened() -> Message {
    Message { idempotency_key: "acme-D21".into(), ..message(Purpose::Reopened, breach()) }
}

pub fn alarm() -> Message {
    Message {
        content: None,
        why: "nobody is on call in schedule `checkout` from 2027-01-01 00:00 to 08:00 UTC; step 1 of checkout was skipped"
            .into(),
        ..message(Purpose::Alarm, breach())
    }
}

/// Ana is asked to take a shift.
pub fn notice(address: &str) -> Message {
    let link = Link { title: "Answer".into(), url: "https://callout.acme.example/s/AAECAwQ".into() };
    Message {
        content: None,
        idempotency_key: "acme-D32".into(),
        why: "Bo Lindqvist asks whether you take the shift of checkout as main, Mon 2026-11-30 09:00 to Mon 2026-12-07 09:00 \
              Europe/Berlin. They say: <!channel> my sister's wedding & a *long* trip. The offer (S3) ends Fri 2026-11-27 \
              21:15 Europe/Berlin."
            .into(),
        links: vec![link],
        purpose: Purpose::Notice,
        ..page(address)
    }
}

/// 1,234 incidents at once for Ana, most of which nobody is on.
pub fn digest(address: &str) -> Message {
    let counts = |pairs: &[(&str, u64)]| pairs.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect::<Vec<_>>();
    let named = |n: u64, priority: &str, status: &'static str, headline: &str| Named {
        incident: IncidentId(n),
        priority: Some(priority.into()),
        status,
        headline: headline.into(),
        url: Some(format!("https://callout.acme.example/a/t0ken-{n}")),
    };
    let list = "https://callout.acme.example/d/list-t0ken".to_owned();
    let digest = Digest {
        id: DigestId(12),
        urgency: Urgency::High,
        tally: Tally {
            incidents: 1_234,
            new: 1_200,
            triggered: 1_180,
            acknowledged: 20,
            snoozed: 0,
            resolved: 34,
            priorities: counts(&[("P1", 3), ("P2", 97), ("P3", 1_090), ("", 10)]),
            services: counts(&[
                ("data-api", 900),
                ("users", 200),
                ("billing", 60),
                ("search", 40),
                ("mail", 20),
                ("audit", 10),
                ("", 4),
            ]),
            teams: counts(&[("checkout", 1_000), ("platform", 234)]),
        },
        named: vec![
            named(
                4711,
                "P1",
                "triggered",
                "availability of GET /api/data/{tenant} in prod-eu: 12% failed in 1h, 40x the budget",
            ),
            named(4713, "P1", "triggered", "users: no log-on possible"),
            named(4720, "P1", "acknowledged", "data-api: disk full on db-1"),
            named(4712, "P2", "triggered", "latency of GET /api/search in prod-us: 20% over 1s in 1h"),
        ],
        links: Some(DigestLinks { acknowledge: list.clone(), list }),
        since: at("2026-11-20T20:15:01Z"),
        timezone: "Europe/Berlin".into(),
    };
    Message {
        delivery: DeliveryId(30),
        idempotency_key: "acme-D30".into(),
        content: None,
        digest: Some(Box::new(digest)),
        why: String::new(),
        purpose: Purpose::Digest,
        ..page(address)
    }
}

/// The same for a room when it is over.
pub fn digest_over() -> Message {
    let mut message = Message { person: None, idempotency_key: "acme-D31".into(), ..digest("") };
    if let Some(digest) = &mut message.digest {
        digest.urgency = Urgency::Over;
        digest.tally = Tally {
            incidents: 1_234,
            resolved: 1_234,
            services: digest.tally.services.clone(),
            teams: digest.tally.teams.clone(),
            ..Tally::default()
        };
        for named in &mut digest.named {
            named.status = "resolved";
        }
    }
    message
}

/// A digest of what is nasty.
pub fn digest_nasty() -> Message {
    let mut message = Message { person: nasty().person, late: true, ..digest("ann@example.com") };
    if let Some(digest) = &mut message.digest {
        digest.timezone = NASTY.into();
        for counts in [&mut digest.tally.priorities, &mut digest.tally.services, &mut digest.tally.teams] {
            *counts = (0..50).map(|n| (format!("{n}{NASTY}"), u64::MAX / 64)).collect();
        }
        digest.named = (0..10_usize)
            .map(|n| Named {
                incident: IncidentId(u64::MAX - n as u64),
                priority: Some(NASTY.into()),
                status: "triggered",
                headline: NASTY.repeat(20),
                url: Some(format!("https://callout.acme.example/a/{}", "y".repeat(n * 300))),
            })
            .collect();
    }
    message
}

/// Markup of every channel, control characters, direction marks, line ends, and what looks like a header.
pub const NASTY: &str = "<!channel> <@U0BOB> @here <at>Bob</at> [click](https://evil.example) **b** _i_ <https://evil.example|Runbook> \
     <script>alert(1)</script> <img src=\"http://evil.example/x.png\"> \r\nBcc: victim@evil.example\r\n\r\n.\r\n \u{0}\u{1b}[31m \
     \u{202e}txt.exe \u{200b} ``` # heading\n> quote\n| a | b |\n &amp; &lt; 100% {{7*7}} ünïcödé 日本語 🔥";

/// Everything nasty, and much of it.
pub fn nasty() -> Message {
    let long = |n: usize| NASTY.repeat(n);
    let many =
        |n: usize| -> Vec<Fact> { (0..n).map(|i| Fact { name: format!("{i} {NASTY}"), value: long(3) }).collect() };
    let content = Content {
        key: long(2),
        status_by: Some(NASTY.into()),
        priority: Some(NASTY.into()),
        priority_meaning: Some(long(4)),
        urgency: Urgency::High,
        severity: Some(NASTY.into()),
        headline: long(20),
        subject: long(20),
        summary: Some(long(200)),
        team: NASTY.into(),
        unowned: true,
        service: Some(NASTY.into()),
        facts: many(60),
        details: many(400),
        deployments: many(40),
        dependencies: many(40),
        told: (0..300).map(|i| format!("{i}{NASTY}")).collect(),
        links: (0..50)
            .map(|i| Link {
                title: format!("{i}{NASTY}"),
                url: format!("https://wiki.example/{i}?q={NASTY}{}", "y".repeat(i * 100)),
            })
            .chain(
                ["javascript:alert(1)", "not a url", "", "data:text/html,<script>"]
                    .map(|url| Link { title: NASTY.into(), url: url.into() }),
            )
            .collect(),
        timezone: NASTY.into(),
        labels: (0..300).map(|i| (format!("{i}{NASTY}"), long(2))).collect(),
        annotations: (0..300).map(|i| (format!("{i}{NASTY}"), long(2))).collect(),
        ..breach()
    };
    Message {
        person: Some(PersonName { id: "x".into(), name: NASTY.into(), address: "ann@example.com".into() }),
        why: long(20),
        late: true,
        ..message(Purpose::Page, content)
    }
}

/// Nothing but what must be there.
pub fn bare() -> Message {
    let content = Content {
        priority: None,
        priority_meaning: None,
        summary: None,
        service: None,
        facts: vec![],
        details: vec![],
        deployments: vec![],
        dependencies: vec![],
        told: vec![],
        links: vec![],
        actions: None,
        labels: vec![],
        annotations: vec![],
        ..breach()
    };
    Message { why: String::new(), ..message(Purpose::Alert, content) }
}

/// All samples by name.
pub fn samples() -> Vec<(&'static str, Message)> {
    vec![
        ("page", page("U0ANN")),
        ("urgent", urgent()),
        ("chart", chart()),
        ("alert", message(Purpose::Alert, breach())),
        ("acknowledged", acknowledged()),
        ("snoozed", snoozed()),
        ("resolved", resolved()),
        ("reopened", reopened()),
        ("alarm", alarm()),
        ("notice", notice("U0ANN")),
        ("bare", bare()),
        ("nasty", nasty()),
        ("drill", drill()),
        ("drill-over", drill_over()),
        ("digest", digest("U0ANN")),
        ("digest-over", digest_over()),
        ("digest-nasty", digest_nasty()),
    ]
}

// ---- channels ----

pub fn common(timeout_ms: i64) -> Common {
    Common {
        ca_file: None,
        allow_private: true,
        timeout: Span::from_millis(timeout_ms),
        give_up: Span::from_minutes(10),
        interval: None,
    }
}

pub fn trusting(sinks: &Sinks, timeout_ms: i64) -> Common {
    Common { ca_file: Some(PathBuf::from(sinks.at("ca"))), ..common(timeout_ms) }
}

pub fn reference(kind: ChannelKind) -> ChannelRef {
    ChannelRef { kind, name: "main".into() }
}

/// Builds a channel; secrets are `Env` references by name in `secrets`.
pub fn build(kind: ChannelKind, settings: &ChannelSettings, secrets: &[(&str, &str)]) -> Box<dyn Channel> {
    let known: BTreeMap<String, String> = secrets.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
    let look_up = move |secret: &SecretRef| match secret {
        SecretRef::Env(name) => {
            known.get(name).cloned().map(Into::into).ok_or(SecretError::EnvUnset { name: name.clone() })
        }
        SecretRef::File(path) => Err(SecretError::Empty { place: path.display().to_string() }),
    };
    channel::build(settings, &reference(kind), &look_up).unwrap_or_else(|e| panic!("{e}: {:?}", e.reason))
}

pub fn env(name: &str) -> SecretRef {
    SecretRef::Env(name.into())
}

pub fn slack_settings(api: &str, common: Common) -> ChannelSettings {
    ChannelSettings::Slack(SlackSettings {
        token: Some(env("SLACK_TOKEN")),
        webhook: None,
        api_url: api.into(),
        signing_secret: None,
        pictures: true,
        previous_signing_secret: None,
        act: callout::config::WhoActs::default(),
        rooms: None,
        common,
    })
}

pub fn teams_settings(url: &str, common: Common) -> ChannelSettings {
    ChannelSettings::Teams(TeamsSettings { url: HttpTarget::Plain(url.into()), pictures: true, common })
}

/// Mail through the stand-in's server `at` (`smtp`, `smtps`, `smtp_plain` …).
pub fn email_settings(sinks: &Sinks, at: &str, tls: TlsMode, common: Common) -> ChannelSettings {
    let (host, port) = sinks.at(at).rsplit_once(':').unwrap();
    let with_login = tls != TlsMode::None;
    ChannelSettings::Email(EmailSettings {
        host: host.into(),
        port: port.parse().unwrap(),
        tls,
        user: with_login.then(|| sinks.at("smtp_user").into()),
        password: with_login.then(|| env("PASSWORD")),
        from: "callout acme <callout@acme.example>".into(),
        pictures: true,
        dkim: None,
        common,
    })
}

/// The same, built.
pub fn email(sinks: &Sinks, at: &str, tls: TlsMode, common: Common) -> Box<dyn Channel> {
    let settings = email_settings(sinks, at, tls, common);
    build(ChannelKind::Email, &settings, &[("PASSWORD", sinks.at("smtp_password"))])
}

pub fn webhook_settings(url: &str, batch: u32, common: Common) -> WebhookSettings {
    WebhookSettings { url: HttpTarget::Plain(url.into()), secret: None, token: None, batch, concurrency: 4, common }
}

/// Sends one message to `address`.
pub async fn send(channel: &dyn Channel, address: &str, message: &Message) -> Sending {
    channel.send(address, std::slice::from_ref(message)).await.remove(0)
}

/// A runtime for one test.
pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
