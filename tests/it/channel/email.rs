//! Mail: what arrives at a real SMTP server, how it threads, and how the server's refusals are judged.

use std::time::{Duration, Instant};

use callout::channel::email::render;
use callout::channel::{Content, Message, PersonName, Sending, Urgency};
use callout::config::TlsMode;
use callout::engine::Receipt;
use callout::engine::state::Purpose;
use serde_json::json;

use super::fixtures::{self as f, block_on, send};
use crate::support::Sinks;

fn receipt(sending: Sending) -> Receipt {
    match sending {
        Sending::Delivered { receipt: Some(receipt) } => receipt,
        other => panic!("no receipt: {other:?}"),
    }
}

fn error(sending: &Sending) -> &str {
    match sending {
        Sending::Delivered { .. } => "",
        Sending::Retry { error, .. } | Sending::Failed { error } => error,
    }
}

fn eml(message: &Message) -> String {
    let from = "callout acme <callout@acme.example>".parse().unwrap();
    let mail = render::mail(message, "ann@example.com", &from).unwrap();
    String::from_utf8(mail.message.formatted()).unwrap()
}

#[test]
fn every_sample_arrives_without_complaint() {
    let sinks = Sinks::start();
    block_on(async {
        for (at, tls) in [("smtp", TlsMode::StartTls), ("smtps", TlsMode::Implicit), ("smtp_plain", TlsMode::None)] {
            let email = f::email(&sinks, at, tls, f::trusting(&sinks, 5_000));
            for (name, message) in f::samples() {
                receipt_of(name, &send(&*email, "ann@example.com", &message).await);
            }
        }
    });
    assert_eq!(sinks.wait_for("smtp.data", 3 * f::samples().len()).len(), 3 * f::samples().len());
    sinks.expect_no_complaints();
}

fn receipt_of(name: &str, sending: &Sending) {
    assert!(matches!(sending, Sending::Delivered { receipt: Some(_) }), "{name}: {sending:?}");
}

#[test]
fn a_chart_is_in_the_mail_itself() {
    let sinks = Sinks::start();
    let email = f::email(&sinks, "smtp_plain", TlsMode::None, f::common(5_000));
    block_on(async {
        receipt_of("chart", &send(&*email, "ann@example.com", &f::chart()).await);
        let over = Message { content: f::chart().content, ..f::resolved() };
        let status = f::resolved().content.unwrap().status;
        let content = Content { status, ..*over.content.clone().unwrap() };
        receipt_of(
            "over",
            &send(&*email, "ann@example.com", &Message { content: Some(Box::new(content)), ..over }).await,
        );
    });
    let mails = sinks.wait_for("smtp.data", 2);
    let mail = mails[0].mail();
    let png = &mail["attachments"][0];
    assert_eq!((&png["type"], &png["cid"]), (&json!("image/png"), &json!("<chart.acme-D17@acme.example>")), "{png}");
    assert_eq!(png["head"], "89504e470d0a1a0a", "it is a PNG");
    assert!(png["bytes"].as_u64().unwrap() < 40_000, "{png}");
    let (html, text) = (mail["html"].as_str().unwrap(), mail["text"].as_str().unwrap());
    assert!(html.contains("src=\"cid:chart.acme-D17@acme.example\" alt=\"Chart of what failed, every 6 min"), "{html}");
    assert!(text.contains("the line is at 1.2% = 4x the budget."), "{text}");
    assert!(text.contains("Burn rate: 5.1x the budget in 6h and 6.0x in 30m, both above 4x (page_slow)"), "{text}");
    assert_eq!(mails[1].mail()["attachments"], json!([]), "what is over needs no chart");
    sinks.expect_no_complaints();
}

#[test]
fn mails_are_signed_so_that_another_verifier_agrees() {
    // Keys for this test alone; the public halves are what DNS would hold.
    const RSA: &str = include_str!("../../data/dkim/rsa.pem");
    const RSA_PUBLIC: &str = include_str!("../../data/dkim/rsa.txt");
    const ED25519: &str = include_str!("../../data/dkim/ed25519.key");
    const ED25519_PUBLIC: &str = include_str!("../../data/dkim/ed25519.txt");
    let sinks = Sinks::start_with(&json!({"smtp": {"dkim": {
        "rsa._domainkey.acme.example": RSA_PUBLIC.trim(),
        "ed._domainkey.mail.acme.example": ED25519_PUBLIC.trim(),
    }}}));
    let signing = |selector: &str, domain: &str, key: &str| {
        let settings = f::email_settings(&sinks, "smtp_plain", TlsMode::None, f::common(5_000));
        let callout::config::ChannelSettings::Email(settings) = settings else { panic!("mail") };
        let dkim = Some(callout::config::DkimSettings {
            domain: domain.into(),
            selector: selector.into(),
            key: f::env("DKIM"),
        });
        let settings = callout::config::ChannelSettings::Email(callout::config::EmailSettings { dkim, ..settings });
        f::build(callout::domain::ChannelKind::Email, &settings, &[("DKIM", key)])
    };
    let all = || f::samples().into_iter().chain([("thread", Message { follows: None, ..f::acknowledged() })]);
    block_on(async {
        for (name, message) in all() {
            receipt_of(name, &send(&*signing("rsa", "acme.example", RSA), "ann@example.com", &message).await);
            receipt_of(name, &send(&*signing("ed", "mail.acme.example", ED25519), "ann@example.com", &message).await);
        }
        receipt_of("other", &send(&*signing("other", "acme.example", RSA), "ann@example.com", &f::page("")).await);
    });
    let mails = sinks.wait_for("smtp.data", 2 * all().count() + 1);
    let (last, signed) = mails.split_last().unwrap();
    for mail in signed {
        assert_eq!(mail.mail()["dkim"], "pass", "{}", mail.mail()["subject"]);
    }
    assert!(last.mail()["dkim"].as_str().unwrap().starts_with("fail"), "no such key in DNS: {}", last.mail()["dkim"]);
    sinks.expect_no_complaints();
}

#[test]
fn mails_of_an_incident_are_a_thread() {
    let sinks = Sinks::start();
    let email = f::email(&sinks, "smtp", TlsMode::StartTls, f::trusting(&sinks, 5_000));
    block_on(async {
        let first = receipt(send(&*email, "ann@example.com", &f::page("ann@example.com")).await);
        for message in [f::acknowledged(), f::resolved()] {
            send(&*email, "ann@example.com", &Message { follows: Some(first.clone()), ..message }).await;
        }
        // The same message at a later attempt is the same mail.
        let again = receipt(send(&*email, "ann@example.com", &Message { attempt: 2, ..f::page("") }).await);
        assert_eq!(again, first);
    });
    let mails = sinks.wait_for("smtp.data", 4);
    let get = |at: usize, field: &str| mails[at].mail()[field].as_str().unwrap_or_default().to_owned();
    assert_eq!(get(0, "message_id"), "<acme-D17@acme.example>");
    assert_eq!(get(0, "references"), "<acme-incident-4711@acme.example>");
    assert_eq!(get(0, "subject"), "availability of GET /api/data/{tenant} in prod-eu #4711");
    assert_eq!(get(2, "subject"), "Re: availability of GET /api/data/{tenant} in prod-eu #4711");
    assert_eq!(get(2, "in_reply_to"), "<acme-D17@acme.example>");
    assert_eq!(get(2, "references"), "<acme-incident-4711@acme.example> <acme-D17@acme.example>");
    assert_eq!(get(0, "auto_submitted"), "auto-generated");
    assert!(get(2, "text").starts_with("✅ Resolved by Ana Ruiz after 51m"), "{}", get(2, "text"));
    sinks.expect_no_complaints();
}

#[test]
fn only_the_most_urgent_mail_is_marked_so() {
    let marked = |message: &Message| {
        let text = eml(message);
        text.contains("X-Priority: 1 (Highest)") && text.contains("Importance: high")
    };
    assert!(marked(&f::urgent()));
    assert!(!marked(&f::page("")));
    assert!(!marked(&f::resolved()));
}

#[test]
fn no_alert_adds_a_header() {
    let evils = [
        "x\r\nBcc: victim@evil.example\r\n\r\nbody",
        "x\nX-Evil: 1",
        "x\rX-Evil: 1",
        "x\u{0}\u{85}X-Evil: 1\u{2028}X-Evil: 2",
        "=?utf-8?q?x=0D=0AX-Evil:_1?=",
        "ünï\u{202e}\r\n X-Evil: 1",
        "\"quoted\" <a@b.c>, other@evil.example",
    ];
    for evil in evils.iter().map(|e| (*e).to_owned()).chain(evils.iter().map(|e| e.repeat(500))) {
        let content = Content {
            subject: evil.clone(),
            headline: evil.clone(),
            team: evil.clone(),
            urgency: Urgency::High,
            ..f::breach()
        };
        let message = Message {
            idempotency_key: evil.clone(),
            person: Some(PersonName { id: evil.clone(), name: evil.clone(), address: evil.clone() }),
            follows: Some(Receipt {
                channel: f::reference(callout::domain::ChannelKind::Email),
                place: "".into(),
                message: format!("{evil}@{evil}").into(),
            }),
            ..f::message(Purpose::Resolved, content)
        };
        let text = eml(&message);
        let head = text.split("\r\n\r\n").next().unwrap();
        let names: Vec<&str> = head
            .split("\r\n")
            .filter(|line| !line.starts_with([' ', '\t']))
            .map(|line| line.split(':').next().unwrap_or_default())
            .collect();
        let known = [
            "From",
            "To",
            "Subject",
            "Date",
            "Message-ID",
            "In-Reply-To",
            "References",
            "Auto-Submitted",
            "X-Auto-Response-Suppress",
            "X-Callout-Purpose",
            "List-Id",
            "X-Callout-Incident",
            "MIME-Version",
            "Content-Type",
        ];
        for name in &names {
            assert!(known.contains(name), "{name} in {head}");
        }
        assert_eq!(names.iter().filter(|n| **n == "To").count(), 1);
        assert!(head.bytes().all(|b| b.is_ascii() && b != 0), "{head}");
        assert!(head.split("\r\n").all(|line| line.len() <= 998), "a line is too long");
    }
}

#[test]
fn an_address_that_is_none_fails_for_good() {
    let sinks = Sinks::start();
    let email = f::email(&sinks, "smtp_plain", TlsMode::None, f::common(3_000));
    for address in ["", "nobody", "a@b\r\nRCPT TO:<victim@evil.example>", "a@b.example, c@d.example", "<a@b.example> x"]
    {
        let sending = block_on(send(&*email, address, &f::page("")));
        assert!(matches!(sending, Sending::Failed { .. }), "{address}: {sending:?}");
        assert!(!error(&sending).contains("victim"));
    }
    assert!(sinks.attempts("smtp.data").is_empty());
}

#[test]
fn refusals_of_the_server_are_judged() {
    let sinks = Sinks::start();
    block_on(async {
        let email = f::email(&sinks, "smtp", TlsMode::StartTls, f::trusting(&sinks, 5_000));
        for (endpoint, code, again) in [
            ("smtp.rcpt", 450, true),
            ("smtp.rcpt", 451, true),
            ("smtp.data", 452, true),
            ("smtp.rcpt", 550, false),
            ("smtp.mail", 530, false),
            ("smtp.data", 554, false),
        ] {
            sinks.fault(&json!({"endpoint": endpoint, "kind": "smtp_reply", "code": code, "text": "5.0.0 s3cret words", "times": 1}));
            let sending = send(&*email, "ann@example.com", &f::page("")).await;
            assert_eq!(matches!(sending, Sending::Retry { .. }), again, "{endpoint} {code}: {sending:?}");
            assert!(error(&sending).starts_with(&format!("SMTP {code}")), "{sending:?}");
            assert!(!error(&sending).contains("s3cret"), "{sending:?}");
            sinks.heal();
            receipt_of("after it", &send(&*email, "ann@example.com", &f::page("")).await);
        }
    });
}

#[test]
fn a_wrong_password_fails_and_is_not_shown() {
    let sinks = Sinks::start();
    let settings = f::email_settings(&sinks, "smtp", TlsMode::StartTls, f::trusting(&sinks, 5_000));
    let email = f::build(callout::domain::ChannelKind::Email, &settings, &[("PASSWORD", "s3cret")]);
    let sending = block_on(send(&*email, "ann@example.com", &f::page("")));
    assert!(matches!(sending, Sending::Failed { .. }), "{sending:?}");
    assert_eq!(error(&sending), "SMTP 535: the login was refused");
    assert!(!format!("{email:?}").contains("s3cret"));
}

#[test]
fn a_certificate_that_is_not_trusted_is_a_fault_of_configuration() {
    let sinks = Sinks::start();
    for (at, common) in [("smtp_untrusted", f::trusting(&sinks, 3_000)), ("smtp", f::common(3_000))] {
        let email = f::email(&sinks, at, TlsMode::StartTls, common);
        let sending = block_on(send(&*email, "ann@example.com", &f::page("")));
        assert!(matches!(sending, Sending::Failed { .. }), "{at}: {sending:?}");
        assert_eq!(error(&sending), "the server's TLS certificate is not trusted", "{at}");
    }
}

#[test]
fn a_server_without_starttls_is_not_talked_to_in_the_clear() {
    let sinks = Sinks::start();
    let email = f::email(&sinks, "smtp_plain", TlsMode::StartTls, f::trusting(&sinks, 3_000));
    let sending = block_on(send(&*email, "ann@example.com", &f::page("")));
    assert!(matches!(sending, Sending::Failed { .. }), "{sending:?}");
    assert!(sinks.attempts("smtp.data").is_empty());
}

#[test]
fn lost_connections_are_tried_again() {
    let sinks = Sinks::start();
    for (endpoint, kind) in
        [("smtp.data", "lost_reply"), ("smtp.data", "reset"), ("smtp.rcpt", "close"), ("smtp.connect", "close")]
    {
        let email = f::email(&sinks, "smtp", TlsMode::StartTls, f::trusting(&sinks, 3_000));
        sinks.fault(&json!({"endpoint": endpoint, "kind": kind, "times": 1}));
        let sending = block_on(send(&*email, "ann@example.com", &f::page("")));
        assert!(matches!(sending, Sending::Retry { .. }), "{endpoint} {kind}: {sending:?}");
        sinks.heal();
    }
    let settings = callout::config::ChannelSettings::Email(callout::config::EmailSettings {
        host: "127.0.0.1".into(),
        port: sinks.at("refused").rsplit(':').next().unwrap().parse().unwrap(),
        tls: TlsMode::None,
        user: None,
        password: None,
        from: "callout@acme.example".into(),
        pictures: true,
        dkim: None,
        common: f::common(3_000),
    });
    let email = f::build(callout::domain::ChannelKind::Email, &settings, &[]);
    let sending = block_on(send(&*email, "ann@example.com", &f::page("")));
    assert_eq!(error(&sending), "connection refused");
}

#[test]
fn the_deadline_covers_the_servers_replies() {
    let sinks = Sinks::start();
    for (endpoint, fault) in [("smtp.data", "slow"), ("smtp.rcpt", "hang"), ("smtp.ehlo", "slow")] {
        let email = f::email(&sinks, "smtp", TlsMode::StartTls, f::trusting(&sinks, 600));
        sinks.fault(&json!({"endpoint": endpoint, "kind": fault, "seconds": 9, "times": 1}));
        let began = Instant::now();
        let sending = block_on(send(&*email, "ann@example.com", &f::page("")));
        assert_eq!(error(&sending), "timed out", "{endpoint} {fault}: {sending:?}");
        assert!(began.elapsed() < Duration::from_secs(2), "{endpoint} took {:?}", began.elapsed());
        sinks.heal();
    }
}

#[test]
fn a_late_answer_is_not_taken_for_that_of_the_next_mail() {
    let sinks = Sinks::start();
    let email = f::email(&sinks, "smtp", TlsMode::StartTls, f::trusting(&sinks, 600));
    block_on(async {
        receipt_of("first", &send(&*email, "ann@example.com", &f::page("")).await);
        sinks.fault(&json!({"endpoint": "smtp.data", "kind": "slow", "seconds": 1, "times": 1}));
        assert_eq!(error(&send(&*email, "ann@example.com", &f::page("")).await), "timed out");
        sinks.heal();
        sinks.fault(&json!({"endpoint": "smtp.data", "kind": "smtp_reply", "code": 554, "text": "no", "times": 1}));
        let sending = send(&*email, "ann@example.com", &f::acknowledged()).await;
        assert_eq!(error(&sending), "SMTP 554", "the refusal of a mail is its own");
    });
}

#[test]
fn rendered_mails_are_as_agreed() {
    // The bytes of a picture are the library's; what is around them is in `a_chart_is_in_the_mail_itself`.
    let agreed = |name: &&str| !name.ends_with("nasty") && *name != "chart";
    for (name, message) in f::samples().into_iter().filter(|(name, _)| agreed(name)) {
        super::golden::check(&format!("email/{name}.eml"), &eml(&message));
    }
}

#[test]
fn an_alarm_that_is_longer_than_a_first_line_is_told_in_full() {
    let message = Message { why: format!("{} the end", "word ".repeat(400)), ..f::alarm() };
    let mail = eml(&message);
    assert_eq!(mail.matches("the end").count(), 2, "in both parts: {mail}");
}
