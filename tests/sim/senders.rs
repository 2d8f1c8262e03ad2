//! Who posts: sources that fire, repeat themselves and end, in callout's own dialect and in Alertmanager's, each request until it is answered.

use serde_json::{Value, json};

use crate::disk::Chance;

/// A request that is repeated until it is answered.
#[derive(Clone, Debug)]
pub struct Post {
    /// Position in `callout::ingest::DIALECTS`.
    pub dialect: usize,
    pub body: String,
    /// Whether it is under way.
    pub asked: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Resource,
    Breach,
    Alertmanager,
    /// Nobody owns it.
    Stray,
}

/// Something that can be in trouble.
#[derive(Debug)]
pub struct Source {
    kind: Kind,
    number: u64,
    firing: bool,
    said: u64,
}

/// All of them.
pub fn sources() -> Vec<Source> {
    use Kind::{Alertmanager, Breach, Resource, Stray};
    let kinds = [Resource, Resource, Resource, Breach, Breach, Alertmanager, Alertmanager, Alertmanager, Stray];
    kinds.into_iter().zip(1..).map(|(kind, number)| Source { kind, number, firing: false, said: 0 }).collect()
}

impl Source {
    /// What it says next: it begins, goes on or ends.
    pub fn speak(&mut self, chance: &mut Chance) -> Post {
        self.firing = if self.firing { !chance.one_in(4) } else { !chance.one_in(3) };
        self.say(self.firing, chance)
    }

    /// It is over.
    pub fn end(&mut self, chance: &mut Chance) -> Post {
        self.firing = false;
        self.say(false, chance)
    }

    /// The same many times in one request, as senders do that have lost count.
    pub fn storm(&mut self, chance: &mut Chance) -> Post {
        self.firing = true;
        let items: Vec<Value> = (0..5 + chance.below(25)).map(|_| self.item(true, chance)).collect();
        self.post(&Value::Array(items))
    }

    fn say(&mut self, firing: bool, chance: &mut Chance) -> Post {
        let item = self.item(firing, chance);
        self.post(&Value::Array(vec![item]))
    }

    fn post(&self, body: &Value) -> Post {
        Post { dialect: usize::from(self.kind == Kind::Alertmanager), body: body.to_string(), asked: false }
    }

    fn item(&mut self, firing: bool, chance: &mut Chance) -> Value {
        self.said += 1;
        let Self { number, said, .. } = *self;
        let status = if firing { "firing" } else { "resolved" };
        match self.kind {
            Kind::Resource => json!({
                "id": format!("resource-{number}-{said}"), "kind": "resource", "status": status, "team": "checkout",
                "service": "data-api", "labels": {"alertname": "cpu", "host": format!("host-{}", number % 2)},
                "environment": if number % 2 == 0 { "prod-eu" } else { "prod-us" }
            }),
            Kind::Breach => {
                let total = 100_000;
                let bad = [200, 700, 2_000, 20_000][usize::try_from(chance.below(4)).unwrap()];
                json!({
                    "id": format!("breach-{number}-{said}"), "status": status, "service": "data-api", "environment": "prod-eu",
                    "endpoint": if number % 2 == 0 { "GET /api/data/{tenant}" } else { "GET /health" },
                    "sli": "availability", "objective": "99.7",
                    "window": {"length": "60m", "good": total - bad, "total": total}
                })
            }
            Kind::Alertmanager => {
                let mut alert = json!({
                    "labels": {"alertname": format!("DiskFull{}", number % 2), "instance": format!("db-{number}"), "team": "operations"},
                    "annotations": {"summary": if chance.one_in(6) { format!("seen {said} times") } else { "the disk is full".to_owned() }}
                });
                if !firing {
                    alert["endsAt"] = json!("2026-01-01T00:00:00Z");
                    alert["startsAt"] = json!("2025-12-31T00:00:00Z");
                }
                alert
            }
            Kind::Stray => json!({
                "id": format!("stray-{number}-{said}"), "kind": "resource", "status": status,
                "service": if chance.one_in(2) { "users" } else { "nobody-knows" }, "labels": {"alertname": "lost"}
            }),
        }
    }
}
