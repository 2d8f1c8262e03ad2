//! What happens when judging panics: the input or the deadline at fault is set aside, people are told, and everything else goes on.
//!
//! A panic may leave the state half changed, so it is built anew from the journal. An input that panicked counts as judged and never comes
//! back by itself; its text, as its sender wrote it, is kept in the state and told to the fallback team, since an unjudged breach is still a
//! breach. A deadline that panicked is tried again later: what it should have done may be right after the next upgrade.

use std::any::Any;
use std::sync::{Arc, RwLockWriteGuard};

use super::Shard;
use crate::domain::{Name, Seq, Timestamp};
use crate::engine::state::Quarantined;
use crate::engine::{Decision, Input, Timer, Transition, limits};
use crate::journal::RecordBody;
use crate::rules::{Because, RuleKind};
use crate::runtime::core::Core;
use crate::runtime::original::Original;
use crate::runtime::shard::{ShardError, rebuild};
use crate::store::Entry;

/// Characters of a poisonous input that are told to people. Beyond: it is cut; the journal has all of it.
pub const QUOTED_CHARS_MAX: usize = 2_000;
/// Characters of what a panic said that are kept. Beyond: it is cut.
const PANIC_CHARS_MAX: usize = 300;

/// What panicked.
type Panic = Box<dyn Any + Send>;

impl Shard {
    /// Judging this input panicked. Says whether it is the input that was at fault; if not, a deadline before it was, which is set aside now,
    /// and the input can be judged again.
    pub(super) fn set_aside(
        &mut self,
        core: &mut RwLockWriteGuard<'_, Box<dyn Core>>,
        seq: Seq,
        at: Timestamp,
        input: &Input,
        original: Option<&Original>,
        panic: &Panic,
    ) -> Result<bool, ShardError> {
        self.shared.counters.panics.add(1);
        let deadline = core.deadline_under_way();
        **core = self.rebuilt()?;
        if let Some(deadline) = deadline {
            self.defer(core, at, deadline, panic);
            return Ok(false);
        }
        let text = original.map_or_else(|| understood(input), Original::text);
        let quarantined = Quarantined { at, panic: said(&**panic), text: cut(&text, limits::QUARANTINED_CHARS_MAX) };
        tracing::error!(event.id = %format_args!("E{seq}"), panic = %quarantined.panic, "judging an input panicked; it is set aside and told to the fallback team");
        let quarantined = Transition::InputQuarantined { input: seq, quarantined: Box::new(quarantined) };
        let mut decision =
            Decision { transitions: vec![quarantined, Transition::Judged { input: seq }], ..Decision::default() };
        // An alarm that panics would only raise the next one.
        if !matches!(input, Input::Alarm { .. }) {
            let quoted = cut(&text, QUOTED_CHARS_MAX);
            let text = format!("callout could not judge input E{seq} (a defect in callout); it was: {quoted}");
            decision.trace.say(None, RuleKind::Alarm, Because::Alarm { text: Name::from(text.as_str()) });
            self.mailbox().alarms.push((alarm_key(seq, input), text));
        }
        self.perform(core, at, decision);
        Ok(true)
    }

    /// Judging deadlines panicked.
    pub(super) fn set_deadline_aside(
        &mut self,
        core: &mut RwLockWriteGuard<'_, Box<dyn Core>>,
        now: Timestamp,
        panic: &Panic,
    ) -> Result<(), ShardError> {
        self.shared.counters.panics.add(1);
        let deadline = core.deadline_under_way();
        **core = self.rebuilt()?;
        if let Some(deadline) = deadline {
            self.defer(core, now, deadline, panic);
            return Ok(());
        }
        tracing::error!(panic = %said(&**panic), "judging deadlines panicked");
        self.quiet_until = Some(now.plus(limits::SET_ASIDE_FOR));
        let text = format!(
            "callout could not judge what was due (a defect in callout); it is tried again in {}",
            limits::SET_ASIDE_FOR
        );
        self.alarm("deadlines", text);
        Ok(())
    }

    /// A deadline panicked: it is tried again after a while, and people are told.
    fn defer(&mut self, core: &mut RwLockWriteGuard<'_, Box<dyn Core>>, at: Timestamp, deadline: Timer, panic: &Panic) {
        let until = core.state().now.max(at).plus(limits::SET_ASIDE_FOR);
        let text = format!(
            "callout could not judge a deadline (a defect in callout): {deadline}; it is tried again in {}, look after it meanwhile",
            limits::SET_ASIDE_FOR
        );
        tracing::error!(%deadline, panic = %said(&**panic), "judging a deadline panicked; it is set aside for a while");
        self.mailbox().alarms.push((Name::from(format!("deadline/{deadline}")), text));
        let transitions = vec![Transition::DeadlineSetAside { deadline, until }];
        self.perform(core, at, Decision { transitions, ..Decision::default() });
    }

    fn perform(&mut self, core: &mut RwLockWriteGuard<'_, Box<dyn Core>>, at: Timestamp, decision: Decision) {
        for transition in &decision.transitions {
            core.evolve(transition);
        }
        self.pending.push(Entry::new(at, RecordBody::Decision(Arc::new(decision))));
    }

    /// The state as it should be: what is on the disk, and the decisions that will be.
    fn rebuilt(&self) -> Result<Box<dyn Core>, ShardError> {
        let policy = Arc::clone(&self.shared.loaded.load().policy);
        let mut core = rebuild(&*self.journal, self.make, &policy).map_err(ShardError::Rebuild)?;
        for entry in &self.pending {
            if let RecordBody::Decision(decision) = &entry.body {
                for transition in &decision.transitions {
                    core.evolve(transition);
                }
            }
        }
        Ok(core)
    }
}

/// An input as callout understood it, where what its sender wrote is not known any more.
fn understood(input: &Input) -> String {
    serde_json::to_string(input).unwrap_or_else(|_| format!("{input:?}"))
}

/// A source is told once in an hour, however often it sends the same.
fn alarm_key(seq: Seq, input: &Input) -> Name {
    let source = match input {
        Input::Event(event) => Some(event.fingerprint()),
        Input::Refires(refires) => refires.first().map(|refire| refire.fingerprint),
        _ => None,
    };
    source.map_or_else(|| format!("unjudged/E{seq}"), |source| format!("unjudged/{source}")).into()
}

/// What a panic said, as far as it is text.
fn said(panic: &(dyn Any + Send)) -> Name {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no words".to_owned());
    Name::from(cut(&text, PANIC_CHARS_MAX))
}

fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_panic_said_is_cut() {
        for (chars, kept) in [(PANIC_CHARS_MAX, PANIC_CHARS_MAX), (PANIC_CHARS_MAX + 1, PANIC_CHARS_MAX)] {
            let panic: Panic = Box::new("é".repeat(chars));
            assert_eq!(said(&*panic).chars().count(), kept);
        }
        let words: Panic = Box::new("as they stand in the code");
        assert_eq!(said(&*words), "as they stand in the code");
        let other: Panic = Box::new(7);
        assert_eq!(said(&*other), "no words");
    }
}
