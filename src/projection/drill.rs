//! What became of a drill, hop by hop, from the decisions that were committed: accepted, judged, whom to tell, ordered, delivered.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::{EventId, IncidentId, Source, Timestamp};
use crate::engine::state::{Purpose, Status};
use crate::engine::{Input, Outcome, Transition};
use crate::journal::{Record, RecordBody};
use crate::rules::Because;

/// How far something got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Passed,
    /// Not as it should be.
    Failed,
    /// Not known yet.
    Waiting,
    /// Not asked for, or no longer of use.
    Skipped,
}

/// What became of a drill so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DrillReport {
    /// The drill's event.
    pub event: String,
    /// Its incident, once there is one.
    pub incident: Option<u64>,
    /// The whole: failed as soon as one hop did, passed when all did. An acknowledgement is not asked for.
    pub verdict: Verdict,
    /// When it began.
    pub started_at: String,
    /// When it is over by itself.
    pub ends_at: Option<String>,
    /// The hops, in order.
    pub hops: Vec<Hop>,
}

/// One hop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hop {
    /// `accepted`, `judged`, `route`, `who`, `ordered`, `delivered`, `acknowledged`.
    pub hop: &'static str,
    /// How far it got.
    pub verdict: Verdict,
    /// When.
    pub at: Option<String>,
    /// Whom a message tells: `ana by slack:main`.
    pub to: Option<String>,
    /// In a sentence.
    pub detail: String,
}

/// A drill as its event and the judgement of that begin it.
pub(super) struct Drill {
    event: EventId,
    started_at: Timestamp,
    ends_at: Option<Timestamp>,
    judged: Option<Hop>,
    pub incident: Option<IncidentId>,
}

impl Drill {
    /// From the record of the event and, if it is there, that of its judgement; `None` when the event is no drill.
    pub fn of(event: EventId, found: &[Record]) -> Option<Self> {
        let (first, rest) = found.split_first()?;
        let RecordBody::Input(input) = &first.body else { return None };
        let Input::Event(content) = &**input else { return None };
        if content.source != Source::Drill {
            return None;
        }
        let mut drill = Self { event, started_at: first.at, ends_at: content.ends_at, judged: None, incident: None };
        for record in rest {
            let RecordBody::Decision(decision) = &record.body else { continue };
            drill.incident = decision.transitions.iter().find_map(|transition| match transition {
                Transition::IncidentOpened(opening) => Some(opening.incident),
                _ => None,
            });
            let why = || {
                let words: Vec<String> = decision.trace.lines.iter().map(|line| line.because.to_string()).collect();
                format!("it became no incident: {}", words.join("; "))
            };
            let detail = drill.incident.map_or_else(why, |incident| format!("incident {incident}"));
            let verdict = if drill.incident.is_some() { Verdict::Passed } else { Verdict::Failed };
            drill.judged = Some(hop("judged", verdict, Some(record.at), detail));
        }
        Some(drill)
    }

    /// The report, from the records of its incident.
    pub fn report(self, records: &[Record]) -> DrillReport {
        let mut hops =
            vec![hop("accepted", Verdict::Passed, Some(self.started_at), format!("on disk as {}", self.event))];
        hops.push(self.judged.unwrap_or_else(|| hop("judged", Verdict::Waiting, None, "not judged yet".to_owned())));
        if let Some(incident) = self.incident {
            let mut way = Way::default();
            for record in records {
                way.look(incident, record);
            }
            way.hops(&mut hops);
        }
        let has = |verdict| hops.iter().any(|hop| hop.verdict == verdict && hop.hop != "acknowledged");
        let verdict = if has(Verdict::Failed) {
            Verdict::Failed
        } else if has(Verdict::Waiting) {
            Verdict::Waiting
        } else {
            Verdict::Passed
        };
        DrillReport {
            event: self.event.to_string(),
            incident: self.incident.map(|incident| incident.0),
            verdict,
            started_at: self.started_at.to_string(),
            ends_at: self.ends_at.map(|at| at.to_string()),
            hops,
        }
    }
}

fn hop(hop: &'static str, verdict: Verdict, at: Option<Timestamp>, detail: String) -> Hop {
    Hop { hop, verdict, at: at.map(|at| at.to_string()), to: None, detail }
}

/// What the decisions about the incident say.
#[derive(Default)]
struct Way {
    rules: Vec<Hop>,
    messages: BTreeMap<u64, Sending>,
    acknowledged: Option<(Timestamp, String)>,
    over: bool,
}

/// One message.
struct Sending {
    ordered: Hop,
    delivered: Hop,
}

impl Way {
    fn look(&mut self, incident: IncidentId, record: &Record) {
        let RecordBody::Decision(decision) = &record.body else { return };
        let at = record.at;
        for transition in &decision.transitions {
            match transition {
                Transition::DeliveryOrdered(row)
                    if row.incident == Some(incident) && matches!(row.purpose, Purpose::Page | Purpose::Alert) =>
                {
                    let to = Some(row.to.to_string());
                    let ordered =
                        hop("ordered", Verdict::Passed, Some(at), format!("{} {}", row.purpose.as_str(), row.id));
                    let delivered = hop("delivered", Verdict::Waiting, None, "not sent yet".to_owned());
                    let sending =
                        Sending { ordered: Hop { to: to.clone(), ..ordered }, delivered: Hop { to, ..delivered } };
                    self.messages.insert(row.id.0, sending);
                }
                Transition::DeliveryReported { delivery, attempt, outcome } => {
                    self.reported(delivery.0, *attempt, outcome, at);
                }
                Transition::StatusChanged { incident: of, status } if *of == incident => match status {
                    Status::Acknowledged { by, at, .. } => self.acknowledged = Some((*at, by.label())),
                    Status::Resolved { .. } => self.over = true,
                    _ => {}
                },
                _ => {}
            }
        }
        for line in decision.trace.lines.iter().filter(|line| line.incident == Some(incident)) {
            self.said(&line.because, at);
        }
    }

    fn reported(&mut self, delivery: u64, attempt: u32, outcome: &Outcome, at: Timestamp) {
        let Some(Sending { delivered, .. }) = self.messages.get_mut(&delivery) else { return };
        let (verdict, detail) = match outcome {
            Outcome::Delivered { .. } => (Verdict::Passed, format!("taken at attempt {attempt}")),
            Outcome::Retry { error, .. } => (Verdict::Waiting, format!("attempt {attempt} failed: {error}")),
            Outcome::Failed { error } => (Verdict::Failed, format!("failed for good at attempt {attempt}: {error}")),
        };
        (delivered.verdict, delivered.at, delivered.detail) = (verdict, Some(at.to_string()), detail);
    }

    fn said(&mut self, because: &Because, at: Timestamp) {
        let (name, verdict) = match because {
            Because::Routed { .. } => ("route", Verdict::Passed),
            // Who has no channel of the team may still have people, and the other way round; that nobody was told at all shows below.
            Because::NoRoute { .. } => ("route", Verdict::Skipped),
            Because::NoPolicy { .. } => ("who", Verdict::Skipped),
            Because::OnCall { .. } | Because::StepReached { .. } => ("who", Verdict::Passed),
            Because::NobodyOnCall { .. } | Because::StepSkipped { .. } | Because::NoContact { .. } => {
                ("who", Verdict::Failed)
            }
            Because::Dropped { delivery, why } => {
                if let Some(Sending { delivered, .. }) = self.messages.get_mut(delivery) {
                    // Somebody was quicker than the message, or the drill was over before it could be sent.
                    delivered.verdict = if self.acknowledged.is_some() { Verdict::Skipped } else { Verdict::Failed };
                    (delivered.at, delivered.detail) = (Some(at.to_string()), format!("never sent: {why}"));
                }
                return;
            }
            _ => return,
        };
        self.rules.push(hop(name, verdict, Some(at), because.to_string()));
    }

    fn hops(self, hops: &mut Vec<Hop>) {
        hops.extend(self.rules);
        if self.messages.is_empty() {
            hops.push(hop("ordered", Verdict::Failed, None, "nobody is told".to_owned()));
        }
        for (_, Sending { ordered, delivered }) in self.messages {
            hops.extend([ordered, delivered]);
        }
        hops.push(match self.acknowledged {
            Some((at, by)) => hop("acknowledged", Verdict::Passed, Some(at), format!("by {by}")),
            None if self.over => {
                hop("acknowledged", Verdict::Skipped, None, "nobody did before the drill was over".to_owned())
            }
            None => hop("acknowledged", Verdict::Waiting, None, "not yet".to_owned()),
        });
    }
}
