//! What people do with what they are told: nothing, one thing, the same thing twice or through two channels at once, and late.

use callout::domain::{IncidentId, Name, SilenceId, Span, Timestamp};
use callout::engine::input::{MatcherSpec, SilenceSpec};
use callout::engine::{Actor, Command, Verb};

use crate::disk::Chance;

const PEOPLE: [&str; 9] = ["ana", "bo", "cy", "dee", "eva", "wes", "yara", "jo", "sam"];

/// Something that somebody will do, in so many milliseconds.
#[derive(Clone, Debug)]
pub struct Deed {
    pub after_ms: u64,
    pub by: Actor,
    pub what: What,
}

/// What somebody does; times are filled in when it is done.
#[derive(Clone, Debug)]
pub enum What {
    /// To an incident.
    Verb(Verb),
    /// Quiet for so long.
    Snooze(IncidentId, Span),
    /// A silence for an alert name, for so long.
    Silence(SilenceId, &'static str, Span),
}

impl Deed {
    /// As a command, at `now`.
    pub fn command(&self, now: Timestamp) -> Command {
        let verb = match &self.what {
            What::Verb(verb) => verb.clone(),
            What::Snooze(incident, span) => Verb::Snooze { incident: *incident, until: now.plus(*span) },
            What::Silence(id, name, span) => Verb::AddSilence(SilenceSpec {
                id: *id,
                matchers: vec![MatcherSpec {
                    name: "alertname".into(),
                    value: (*name).into(),
                    is_regex: false,
                    is_equal: true,
                }],
                starts_at: now,
                ends_at: now.plus(*span),
                author: "ana".into(),
                comment: "simulated".to_owned(),
                updated_at: now,
            }),
        };
        Command { by: self.by.clone(), verb }
    }
}

/// What a person does who was paged.
pub fn paged(person: &Name, incident: IncidentId, chance: &mut Chance) -> Vec<Deed> {
    let link = Actor::Link(person.clone());
    let after_ms = match chance.below(4) {
        0 => chance.below(2_000),
        1 => chance.below(5 * 60_000),
        2 => chance.below(60 * 60_000),
        _ => return Vec::new(),
    };
    let acknowledge = What::Verb(Verb::Acknowledge { incident });
    let first = |what| Deed { after_ms, by: link.clone(), what };
    match chance.below(10) {
        // Twice, by an impatient finger.
        0 => vec![first(acknowledge.clone()), Deed { after_ms: after_ms + 300, ..first(acknowledge) }],
        // In Slack and by the link in the mail at once.
        1 => vec![first(acknowledge.clone()), Deed { by: Actor::Person(person.clone()), ..first(acknowledge) }],
        2 => vec![first(What::Snooze(incident, Span::from_minutes(1 + i64::try_from(chance.below(90)).unwrap())))],
        3 => vec![first(What::Verb(Verb::Resolve { incident }))],
        4 => {
            let back = after_ms + chance.below(30 * 60_000);
            let unacknowledge = What::Verb(Verb::Unacknowledge { incident });
            vec![first(acknowledge), Deed { after_ms: back, ..first(unacknowledge) }]
        }
        5 => vec![first(What::Verb(Verb::Escalate { incident }))],
        6 => {
            let people = vec![somebody(chance), somebody(chance)];
            let people = if people[0] == people[1] { vec![people[0].clone()] } else { people };
            vec![first(What::Verb(Verb::ReassignPeople { incident, people }))]
        }
        _ => vec![first(acknowledge)],
    }
}

/// What somebody does about an incident without being asked.
pub fn whim(incident: IncidentId, chance: &mut Chance) -> Deed {
    let by = match chance.below(3) {
        0 => Actor::Token("bot".into()),
        1 => Actor::ChannelLink,
        _ => Actor::Person(somebody(chance)),
    };
    let what = match chance.below(9) {
        0 => What::Verb(Verb::Reopen { incident }),
        1 => What::Verb(Verb::SetPriority { incident, priority: Some("P1".into()) }),
        2 => What::Verb(Verb::SetSeverity { incident, severity: Some("critical".into()) }),
        3 => What::Verb(Verb::Note { incident, text: "looking at it".to_owned() }),
        4 => What::Verb(Verb::ReassignPolicy { incident, policy: "operations".into() }),
        5 => What::Verb(Verb::Unacknowledge { incident }),
        6 => What::Verb(Verb::Acknowledge { incident }),
        _ => {
            let alert = ["cpu", "DiskFull0", "DiskFull1", "lost"][usize::try_from(chance.below(4)).unwrap()];
            let span = Span::from_minutes(5 + i64::try_from(chance.below(180)).unwrap());
            What::Silence(SilenceId(u128::from(chance.below(4) + 1)), alert, span)
        }
    };
    Deed { after_ms: 0, by, what }
}

/// A silence is taken back.
pub fn end_silence(chance: &mut Chance) -> Deed {
    let silence = SilenceId(u128::from(chance.below(4) + 1));
    Deed { after_ms: 0, by: Actor::Local, what: What::Verb(Verb::ExpireSilence { silence }) }
}

fn somebody(chance: &mut Chance) -> Name {
    PEOPLE[usize::try_from(chance.below(9)).unwrap()].into()
}
