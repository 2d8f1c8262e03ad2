//! Personal rules, performed: the part of `evolve` that is about them.

use super::Chain;
use crate::engine::Engine;
use crate::engine::state::Incident;
use crate::engine::transition::Transition;

impl Engine {
    /// The part of `evolve` that changes chains.
    pub(in crate::engine) fn evolve_personal(&mut self, transition: &Transition) {
        use Transition as T;
        match transition {
            T::ChainBegun { incident, person, why, steps, bundle } => self.change(*incident, |i, now| {
                let due = steps.get(1).map(|step| now.plus(step.after));
                let (person, why, steps) = (person.clone(), why.clone(), steps.clone());
                put(i, Chain { person, why, steps, next: 1, due, bundle: *bundle });
            }),
            T::ChainMoved { incident, person, next, due } => self.change(*incident, |i, _| {
                if let Some(chain) = i.chains.iter_mut().find(|chain| chain.person == *person) {
                    (chain.next, chain.due) = (*next, *due);
                }
            }),
            T::PageHeld { incident, person, why, until } => self.change(*incident, |i, _| {
                let (person, why) = (person.clone(), why.clone());
                put(i, Chain { person, why, steps: Vec::new(), next: 0, due: Some(*until), bundle: None });
            }),
            T::ChainsStopped { incident } => self.change(*incident, |i, _| i.chains = Vec::new()),
            T::EscalationHeld { incident, pass, until } => self.change(*incident, |i, _| {
                if let Some(e) = &mut i.escalation {
                    (e.pass, e.step, e.due, e.exhausted) = (*pass, 0, Some(*until), false);
                    (e.held, e.reached) = (true, false);
                }
            }),
            _ => {}
        }
    }
}

fn put(incident: &mut Incident, chain: Chain) {
    match incident.chains.iter_mut().find(|known| known.person == chain.person) {
        Some(known) => *known = chain,
        None => incident.chains.push(chain),
    }
}
