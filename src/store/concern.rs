//! What a record is about: which incidents, deliveries and people an index must find it by.

use std::collections::BTreeSet;

use crate::domain::{DeliveryId, IncidentId, Name, Seq};
use crate::engine::{Decision, Input, Transition};
use crate::journal::RecordBody;

/// What one record is about.
#[derive(Debug, Default)]
pub struct Concern {
    /// Incidents that it names.
    pub incidents: BTreeSet<IncidentId>,
    /// Deliveries that it names; their incidents are to be looked up.
    pub deliveries: BTreeSet<DeliveryId>,
    /// Deliveries that it orders, with their incidents.
    pub ordered: Vec<(DeliveryId, IncidentId)>,
    /// People that it pages.
    pub people: BTreeSet<Name>,
    /// First input that it judges.
    pub judged: Option<Seq>,
    /// Whether it decides about what somebody did.
    pub act: bool,
}

impl Concern {
    /// Of one record. Sources sent again without a change are left out: they only count, and there are very many.
    #[must_use]
    pub fn of(body: &RecordBody) -> Self {
        let mut concern = Self::default();
        match body {
            RecordBody::Input(input) => concern.input(input),
            RecordBody::Decision(decision) => concern.decision(decision),
        }
        concern
    }

    fn input(&mut self, input: &Input) {
        match input {
            Input::Command(command) => self.incidents.extend(command.verb.incident()),
            Input::Reports(reports) => self.deliveries.extend(reports.iter().map(|report| report.delivery)),
            Input::Event(_)
            | Input::Refires(_)
            | Input::ConfigActivated { .. }
            | Input::Alarm { .. }
            | Input::Tick
            | Input::Samples(_)
            | Input::Administered(_)
            | Input::Readings(_)
            | Input::Calendar(_) => {}
        }
    }

    fn decision(&mut self, decision: &Decision) {
        self.incidents.extend(decision.trace.lines.iter().filter_map(|line| line.incident));
        self.act = decision.trace.tells_of_an_act();
        for transition in &decision.transitions {
            self.transition(transition);
        }
    }

    fn transition(&mut self, transition: &Transition) {
        match transition {
            Transition::Judged { input } => {
                self.judged = Some(self.judged.map_or(*input, |first| first.min(*input)));
            }
            Transition::IncidentOpened(opening) => {
                self.incidents.insert(opening.incident);
            }
            Transition::PeoplePaged { incident, people } => {
                self.incidents.insert(*incident);
                self.people.extend(people.iter().cloned());
            }
            Transition::AlertSnoozed { incident, .. }
            | Transition::IncidentReopened { incident, .. }
            | Transition::DuplicateCounted { incident, .. }
            | Transition::SourceEnded { incident, .. }
            | Transition::StatusChanged { incident, .. }
            | Transition::PriorityChanged { incident, .. }
            | Transition::SeverityChanged { incident, .. }
            | Transition::NoteAdded { incident, .. }
            | Transition::LinkUsed { incident, .. }
            | Transition::IncidentForgotten { incident }
            | Transition::Responded { incident, .. }
            | Transition::PolicyAssigned { incident, .. }
            | Transition::EscalationMoved { incident, .. }
            | Transition::Folded { incident, .. }
            | Transition::Unfolded { incident, .. }
            | Transition::ChainBegun { incident, .. }
            | Transition::ChainMoved { incident, .. }
            | Transition::PageHeld { incident, .. }
            | Transition::ChainsStopped { incident }
            | Transition::EscalationHeld { incident, .. }
            | Transition::RoomChanged { incident, .. } => {
                self.incidents.insert(*incident);
            }
            Transition::DeliveryOrdered(delivery) => {
                if let Some(incident) = delivery.incident {
                    self.incidents.insert(incident);
                    self.ordered.push((delivery.id, incident));
                }
            }
            Transition::DeliveryReported { delivery, .. } | Transition::DeliveryDropped { delivery } => {
                self.deliveries.insert(*delivery);
            }
            Transition::ClockAdvanced { .. }
            | Transition::AlertFiring { .. }
            | Transition::RefiresCounted(_)
            | Transition::AlertRefreshed { .. }
            | Transition::AlertEnded { .. }
            | Transition::AlertForgotten { .. }
            | Transition::AlertSuppressed { .. }
            | Transition::EvaluationHeld { .. }
            | Transition::Evaluated { .. }
            | Transition::ScopeForgotten { .. }
            | Transition::SilenceSet(_)
            | Transition::SilenceExpired { .. }
            | Transition::SilenceForgotten { .. }
            | Transition::AlarmRaised { .. }
            | Transition::ConfigActivated { .. }
            | Transition::IdempotencyForgotten { .. }
            | Transition::SamplesTaken { .. }
            | Transition::RuleStateChanged { .. }
            | Transition::BreachFound { .. }
            | Transition::EpisodeEnded { .. }
            | Transition::ObjectiveSet { .. }
            | Transition::DigestOpened { .. }
            | Transition::DigestClosed { .. }
            | Transition::DigestOrdered { .. }
            | Transition::DigestWork { .. }
            | Transition::ReadingsTaken { .. }
            | Transition::MinutesCounted { .. }
            | Transition::CountersForgotten { .. }
            | Transition::MinutesExcluded(_)
            | Transition::SilverBulletUsed { .. }
            | Transition::InputQuarantined { .. }
            | Transition::DeadlineSetAside { .. }
            | Transition::OverrideMade(_)
            | Transition::OverrideEnded { .. }
            | Transition::OverrideForgotten { .. }
            | Transition::SwapOffered(_)
            | Transition::SwapDeclined { .. }
            | Transition::SwapSettled { .. }
            | Transition::SwapForgotten { .. }
            | Transition::NoticeOrdered { .. }
            | Transition::CalendarRevoked { .. }
            | Transition::SilenceBound { .. }
            | Transition::CalendarTaken { .. }
            | Transition::AbsencesLooked { .. }
            | Transition::HandoffWatched { .. }
            | Transition::HandoffForgotten { .. }
            | Transition::CodeSent { .. }
            | Transition::CodeWrong { .. }
            | Transition::ContactVerified { .. } => {}
        }
    }
}
