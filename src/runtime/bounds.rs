//! What the state may hold. Beyond, events that would add to it are refused before they are stored: a sender that is told so keeps them and
//! comes again, and nobody is told that something was taken which is lost. Re-fires, ends and what people do are always taken.

use super::handle::{Incoming, Refused};
use crate::domain::EventStatus;
use crate::engine::{State, limits};

/// The most of each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub alerts: usize,
    pub incidents: usize,
    pub outbox: usize,
    pub scopes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            alerts: limits::ALERTS_MAX,
            incidents: limits::INCIDENTS_MAX,
            outbox: limits::OUTBOX_MAX,
            scopes: limits::SCOPES_MAX,
        }
    }
}

/// Why a request is refused; `None`: it may come in. A round that began below a bound may end a little above it.
pub(super) fn beyond(state: &State, events: &[Incoming], bounds: &Bounds) -> Option<Refused> {
    let adds = |event: &Incoming| matches!(event, Incoming::New(event) if event.status == EventStatus::Firing);
    let (what, most) = [
        ("sources", state.alerts.len(), bounds.alerts),
        ("incidents", state.incidents.len(), bounds.incidents),
        ("messages", state.outbox.len(), bounds.outbox),
        ("evaluations", state.scopes.len(), bounds.scopes),
    ]
    .into_iter()
    .find_map(|(what, held, most)| (held >= most).then_some((what, most)))?;
    events.iter().any(adds).then_some(Refused::Full { what, most })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::{DeliveryId, Event};
    use crate::engine::Refire;
    use crate::runtime::tests::{event, row};

    /// At each bound and just below it, for each kind of input.
    #[test]
    fn at_a_bound_only_what_adds_to_it_is_refused() {
        let mut state = State::default();
        for id in 1..=3 {
            state.outbox.insert(DeliveryId(id), Arc::new(row(DeliveryId(id))));
        }
        let Incoming::New(firing) = event(None) else { unreachable!("it is a new event") };
        let over = Event { status: EventStatus::Resolved, ..(*firing).clone() };
        let refire = Incoming::Refire(Refire { fingerprint: firing.fingerprint(), ends_at: None });
        let (new, over) = (Incoming::New(firing), Incoming::New(Arc::new(over)));
        let at = |outbox, events: &[Incoming]| beyond(&state, events, &Bounds { outbox, ..Bounds::default() });
        let full = Some(Refused::Full { what: "messages", most: 3 });
        for (most, events, want) in [
            (4, vec![new.clone()], None),
            (3, vec![new.clone()], full.clone()),
            (3, vec![refire.clone(), over.clone()], None),
            (3, vec![refire, over, new], full),
        ] {
            assert_eq!(at(most, &events), want, "{most}: {events:?}");
        }
        // Each of the others, empty here, has its own bound.
        let new = event(None);
        let none = |bounds: &Bounds| beyond(&State::default(), std::slice::from_ref(&new), bounds);
        let all = Bounds { alerts: 1, incidents: 1, outbox: 1, scopes: 1 };
        assert_eq!(none(&all), None);
        for (bounds, what) in [
            (Bounds { alerts: 0, ..all }, "sources"),
            (Bounds { incidents: 0, ..all }, "incidents"),
            (Bounds { scopes: 0, ..all }, "evaluations"),
        ] {
            assert_eq!(none(&bounds), Some(Refused::Full { what, most: 0 }));
        }
    }
}
