//! The shard loop: the one thread that writes the journal and drives the engine.
//!
//! Each turn: gather what waits → write one frame of [decisions of the turn before + new inputs] and sync it → answer who waits, and
//! release the messages that the decisions ordered → judge the new inputs. So an input is durable before it is answered, a decision before
//! anything comes of it, and one sync serves both. When decisions wait and nothing else does, the next turn begins at once.
//!
//! When the journal cannot be written, whoever waits is refused, decisions stay in memory and are written as soon as that works again.
//! Nothing was released of them, so a crash meanwhile only means that their inputs, which are on the disk, are judged again.

pub(super) mod quarantine;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError, RwLockWriteGuard};
use std::time::Duration;

use tokio::sync::oneshot;

use super::commit::{Item, Placed, Round, weight};
use super::core::{Core, MakeCore};
use super::handle::{Mailbox, NOTHING, Refused, Request, Shared};
use super::snapshot::{SnapshotPace, Snapshotter, chain};
use crate::domain::{Name, Seq, Timestamp};
use crate::engine::state::Delivery;
use crate::engine::{Input, Policy, Transition};
use crate::journal::{Record, RecordBody};
use crate::store::{self, Entry, Journal, JournalError, Room};

/// Judgements under one hold of the write lock; readers get their turn in between.
pub const CHUNK: usize = 256;
/// The longest rest of the loop: it goes round to look at the clock and to show that it lives. Beyond: the health check counts it as stuck,
/// see `TURN_AGE_MAX`.
const TURN_MAX: Duration = Duration::from_secs(1);
/// A journal that could not be written is tried again after so long, when nobody asks meanwhile.
const RETRY: Duration = Duration::from_millis(500);
/// Deadlines that the engine did not act upon are asked for again after so long.
const SPURIOUS: Duration = Duration::from_millis(20);

/// Takes the messages that were ordered by committed decisions.
pub(super) type Release = Box<dyn Fn(Vec<Arc<Delivery>>) + Send>;
/// Hears how far the journal is committed.
pub(super) type Committed = Box<dyn Fn(Seq) + Send>;

/// Why the loop had to end.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    /// The state could not be brought back from the journal.
    #[error("could not rebuild the state from the journal")]
    Rebuild(#[source] JournalError),
    /// The last snapshot could not be written; the journal has everything.
    #[error("could not save the last snapshot")]
    Snapshot(#[source] JournalError),
    /// Decisions could not be written before the end; their inputs are on the disk and will be judged again.
    #[error("could not write the last decisions: {0}")]
    Unwritten(String),
    /// The loop's thread died.
    #[error("the shard loop panicked, which is a defect in callout")]
    Panicked,
}

/// The loop's own things. Everything that others may see is in [`Shared`].
pub(super) struct Shard {
    pub shared: Arc<Shared>,
    pub requests: Receiver<Request>,
    pub journal: Box<dyn Journal>,
    pub make: MakeCore,
    pub release: Release,
    pub on_commit: Committed,
    pub snapshots: Snapshotter,
    /// Decisions that are not on the disk yet.
    pending: Vec<Entry>,
    /// Who waits for them.
    waiting: Vec<oneshot::Sender<Result<(), Refused>>>,
    /// Whether the outbox as it was found was released.
    released: bool,
    /// Whether the configuration of the start is in the journal.
    announced: bool,
    frame: Vec<Entry>,
    stopping: bool,
    trouble: Trouble,
    /// Deadlines are not judged before this, since judging them panicked and it is not known which was at fault.
    quiet_until: Option<Timestamp>,
}

/// How a wait for work ended.
#[derive(Debug)]
pub(super) enum Waited {
    /// There was work already.
    NotAtAll,
    /// Something was asked.
    For(Request),
    /// Nothing came.
    InVain,
}

/// What is wrong with the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    /// There is no room but the reserve: events are refused, the rest goes on.
    Full,
    /// Nothing can be written.
    Broken,
}

/// Brings back the core from `journal`.
pub(super) fn rebuild(
    journal: &dyn Journal,
    make: MakeCore,
    policy: &Arc<Policy>,
) -> Result<Box<dyn Core>, JournalError> {
    let begin = |state| make(state, Arc::clone(policy));
    let (core, recovery) = store::recover(journal, begin, |core, record: Record| match record.body {
        RecordBody::Input(input) => core.accept(record.seq, record.at, input),
        RecordBody::Decision(decision) => {
            for transition in &decision.transitions {
                core.evolve(transition);
            }
        }
    })?;
    tracing::info!(
        snapshot = recovery.snapshot.map(|seq| seq.0),
        records = recovery.records,
        journal.next = recovery.next.0,
        "recovered the state"
    );
    Ok(core)
}

impl Shard {
    pub fn new(
        shared: Arc<Shared>,
        requests: Receiver<Request>,
        journal: Box<dyn Journal>,
        make: MakeCore,
        release: Release,
        on_commit: Committed,
        pace: SnapshotPace,
    ) -> Self {
        let snapshots = Snapshotter::new(journal.snapshots(), journal.reader(), pace);
        Self {
            shared,
            requests,
            journal,
            make,
            release,
            on_commit,
            snapshots,
            pending: Vec::new(),
            waiting: Vec::new(),
            released: false,
            announced: false,
            frame: Vec::new(),
            stopping: false,
            trouble: Trouble::None,
            quiet_until: None,
        }
    }

    /// Runs until it is told to stop.
    pub fn run(mut self) -> Result<(), ShardError> {
        self.begin()?;
        while !self.is_over() {
            let waited = self.await_work();
            self.turn(waited)?;
        }
        self.end()
    }

    /// What comes before the first turn.
    pub fn begin(&mut self) -> Result<(), ShardError> {
        self.catch_up()?;
        self.shared.gauges.beat.store(self.shared.clock.now().as_millis(), Ordering::Release);
        self.shared.gauges.running.store(true, Ordering::Release);
        Ok(())
    }

    /// Whether there is no further turn: it was told to stop, and nothing is left that can be written.
    pub fn is_over(&self) -> bool {
        self.stopping && (self.pending.is_empty() || self.trouble == Trouble::Broken)
    }

    /// From now on it is only about the end.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    /// What was accepted and not judged before the last stop is judged first, at the time it was received; then deadlines that passed
    /// meanwhile, each at its own time. Messages wait until that is done, so that what was overtaken is never sent.
    fn catch_up(&mut self) -> Result<(), ShardError> {
        let left: Vec<Placed> = {
            let core = self.read();
            let state = core.state();
            state
                .inbox
                .iter()
                .map(|(seq, (at, input))| Placed {
                    seq: *seq,
                    at: *at,
                    item: Item { input: Arc::clone(input), vital: true, loaded: None, original: None },
                })
                .collect()
        };
        if !left.is_empty() {
            tracing::info!(inputs = left.len(), "judging what was accepted before the last stop");
        }
        self.judge(left, true)?;
        self.finish_round(Round::default())?;
        while self.trouble != Trouble::Broken && self.tick() {
            self.finish_round(Round::default())?;
        }
        Ok(())
    }

    /// Waits until there is work, or it is time to look around.
    fn await_work(&self) -> Waited {
        let wait = self.wait();
        if wait.is_zero() {
            return Waited::NotAtAll;
        }
        match self.requests.recv_timeout(wait) {
            Ok(request) => Waited::For(request),
            Err(RecvTimeoutError::Timeout) => Waited::InVain,
            // Every handle is gone, so nobody can ask for anything any more.
            Err(RecvTimeoutError::Disconnected) => Waited::For(Request::Stop),
        }
    }

    /// What [`Shard::await_work`] would give if its wait were over now.
    pub fn look_for_work(&self) -> Waited {
        match self.requests.try_recv() {
            Ok(request) => Waited::For(request),
            Err(_) if self.wait().is_zero() => Waited::NotAtAll,
            Err(_) => Waited::InVain,
        }
    }

    /// One turn of the loop. Never waits.
    pub fn turn(&mut self, waited: Waited) -> Result<(), ShardError> {
        let (round, idle) = self.gather(waited);
        if let Some(jump) = self.shared.clock.take_jump() {
            self.alarm_jump(jump);
        }
        self.shared.gauges.beat.store(self.shared.clock.now().as_millis(), Ordering::Release);
        self.finish_round(round)?;
        self.housekeeping(idle);
        self.tick();
        Ok(())
    }

    /// Takes what is there. Says whether it was waited for in vain.
    fn gather(&mut self, waited: Waited) -> (Round, bool) {
        let mut round = Round::default();
        let shared = Arc::clone(&self.shared);
        let idle = matches!(waited, Waited::InVain);
        if let Waited::For(request) = waited {
            round.add(request, &**self.read());
        }
        let core = shared.core.read().unwrap_or_else(PoisonError::into_inner);
        while !round.is_full() {
            let Ok(request) = self.requests.try_recv() else { break };
            round.add(request, &**core);
        }
        drop(core);
        let mail = std::mem::take(&mut *self.mailbox());
        round.add_mail(mail);
        round.seal();
        self.stopping |= round.stop;
        (round, idle)
    }

    /// How long the next turn may wait for work; zero when there is some.
    pub fn wait(&self) -> Duration {
        if self.trouble == Trouble::Broken {
            return RETRY;
        }
        let mail = self.mailbox();
        if !self.pending.is_empty() || !mail.reports.is_empty() || !mail.alarms.is_empty() {
            return Duration::ZERO;
        }
        drop(mail);
        let until = self.wakeup().map_or(TURN_MAX, |at| self.shared.clock.until(at));
        // A deadline that is due was asked for a moment ago, in the turn before.
        until.clamp(SPURIOUS, if self.trouble == Trouble::None { TURN_MAX } else { RETRY })
    }

    /// The next deadline of the engine.
    pub fn wakeup(&self) -> Option<Timestamp> {
        self.read().next_wakeup()
    }

    /// Writes, answers, releases and judges.
    fn finish_round(&mut self, mut round: Round) -> Result<(), ShardError> {
        let at = self.shared.clock.now();
        self.tell_full(&round);
        self.announce(&mut round);
        if round.items.is_empty() && self.pending.is_empty() {
            self.probe(at);
            let known = round.answer(Seq(0));
            self.shared.counters.repeated.add(known);
            self.released();
            return Ok(());
        }
        let Some(first) = self.commit(&mut round, at) else {
            self.give_up(round);
            return Ok(());
        };
        self.announced = true;
        self.shared.gauges.unjudged_since.store(at.as_millis(), Ordering::Release);
        let known = round.answer(first);
        let events = (round.events() as u64).saturating_sub(known);
        self.shared.counters.events.add(events);
        self.shared.counters.repeated.add(known);
        self.shared.gauges.load.add(events, at);
        self.committed();
        let committed = Seq(self.journal.next_seq().0 - 1);
        (self.on_commit)(committed);
        let placed: Vec<Placed> =
            (first.0..).zip(round.items).map(|(seq, item)| Placed { seq: Seq(seq), at, item }).collect();
        self.take_in(&placed);
        if self.snapshots.is_due(committed, self.sources(), false) {
            self.snapshot(committed);
        }
        self.waiting.append(&mut round.judged);
        let judged = self.judge(placed, false);
        self.shared.gauges.unjudged_since.store(NOTHING, Ordering::Release);
        judged
    }

    /// Requests were refused since the state holds as much as it may.
    fn tell_full(&self, round: &Round) {
        let Some(refused) = round.full.last() else { return };
        if self.shared.counters.full.get() == 0 {
            tracing::error!("new events are refused: {refused}");
        }
        self.shared.counters.full.add(round.full.len() as u64);
        self.alarm("full", format!("new events are refused: {refused}"));
    }

    /// A configuration that came with the start is a record too, as soon as one can be written.
    fn announce(&mut self, round: &mut Round) {
        if self.announced {
            return;
        }
        let fingerprint = self.shared.loaded.load().policy.fingerprint.clone();
        if self.read().state().config == fingerprint {
            self.announced = true;
        } else {
            let input = Arc::new(Input::ConfigActivated { fingerprint });
            round.items.push(Item { input, vital: true, loaded: None, original: None });
        }
    }

    /// An empty decision changes nothing; whether it can be written says whether the trouble is over.
    fn probe(&mut self, at: Timestamp) {
        if self.trouble != Trouble::None {
            let nothing = Entry::new(at, RecordBody::Decision(Arc::default()));
            match self.journal.commit(&[nothing], Room::Ordinary) {
                Ok(_) => self.recovered(),
                Err(error) => self.failed(&error),
            }
        }
    }

    /// Writes decisions and inputs as one frame. `None`: not written, and nobody was answered. Gives the first input's position.
    fn commit(&mut self, round: &mut Round, at: Timestamp) -> Option<Seq> {
        let started = self.shared.clock.instant();
        let mut result = self.write(round, at, Room::Ordinary);
        if let Err(error) = &result
            && error.is_full()
        {
            self.failed(error);
            let refused = round.refuse_events(&Refused::Journal("the disk is full".to_owned()));
            self.shared.counters.unwritten.add(refused);
            // What people did, what became of messages and what was decided may use the reserve.
            if round.items.is_empty() && self.pending.is_empty() {
                return None;
            }
            result = self.write(round, at, Room::Reserve);
        } else if result.is_ok() {
            self.recovered();
        }
        match result {
            Ok(range) => {
                self.shared.counters.commits.add(1);
                self.shared.counters.commit_micros.add_time(started.elapsed());
                Some(Seq(range.start.0 + self.pending.len() as u64))
            }
            Err(error) => {
                self.failed(&error);
                self.trouble = Trouble::Broken;
                None
            }
        }
    }

    fn write(&mut self, round: &Round, at: Timestamp, room: Room) -> Result<std::ops::Range<Seq>, JournalError> {
        self.frame.clear();
        self.frame.extend(self.pending.iter().cloned());
        self.frame.extend(round.items.iter().map(|item| Entry::new(at, RecordBody::Input(Arc::clone(&item.input)))));
        let range = self.journal.commit(&self.frame, room);
        self.frame.clear();
        range
    }

    /// The pending decisions are on the disk: who waits for them hears it, and their messages may go.
    fn committed(&mut self) {
        let mut ordered = Vec::new();
        for entry in self.pending.drain(..) {
            let RecordBody::Decision(decision) = entry.body else { continue };
            ordered.extend(decision.transitions.iter().filter_map(|transition| match transition {
                Transition::DeliveryOrdered(delivery)
                | Transition::DigestOrdered { delivery, .. }
                | Transition::NoticeOrdered { delivery, .. } => Some(Arc::clone(delivery)),
                _ => None,
            }));
        }
        for reply in self.waiting.drain(..) {
            let _ = reply.send(Ok(()));
        }
        if self.released {
            if !ordered.is_empty() {
                (self.release)(ordered);
            }
        } else {
            self.released();
        }
    }

    /// Releases the outbox as it was found, once nothing in it is undecided.
    fn released(&mut self) {
        if self.released || !self.pending.is_empty() || !self.shared.gauges.running.load(Ordering::Acquire) {
            return;
        }
        self.released = true;
        let rows: Vec<_> = self.read().state().outbox.values().cloned().collect();
        if !rows.is_empty() {
            tracing::info!(deliveries = rows.len(), "going on with messages that were ordered before the last stop");
            (self.release)(rows);
        }
    }

    /// Nothing was written: refuse who waits, keep what must not be lost.
    fn give_up(&mut self, round: Round) {
        let error = self.shared.gauges.journal_error.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let why = Refused::Journal(error.unwrap_or_default());
        let mail = round.refuse_all(&why);
        let mut mailbox = self.mailbox();
        let later = std::mem::replace(&mut *mailbox, mail);
        mailbox.reports.extend(later.reports);
        mailbox.alarms.extend(later.alarms);
    }

    fn failed(&mut self, error: &JournalError) {
        let text = chain(error);
        if self.trouble == Trouble::None {
            tracing::error!(error = text, "the journal cannot be written; events are refused until it can");
            self.alarm("journal", format!("events are refused, since the journal cannot be written: {text}"));
        }
        self.trouble = if error.is_full() { Trouble::Full } else { Trouble::Broken };
        *self.shared.gauges.journal_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }

    fn recovered(&mut self) {
        if self.trouble != Trouble::None {
            self.trouble = Trouble::None;
            *self.shared.gauges.journal_error.lock().unwrap_or_else(PoisonError::into_inner) = None;
            tracing::info!("the journal can be written again");
        }
    }

    fn take_in(&self, placed: &[Placed]) {
        for chunk in placed.chunks(CHUNK) {
            let mut core = self.lock();
            for Placed { seq, at, item } in chunk {
                core.accept(*seq, *at, Arc::clone(&item.input));
            }
        }
    }

    /// Judges inputs in order; the decisions wait for the next frame. `received`: each at the time it was received.
    fn judge(&mut self, placed: Vec<Placed>, received: bool) -> Result<(), ShardError> {
        if placed.is_empty() {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        let started = shared.clock.instant();
        shared.counters.judged.add(placed.len() as u64);
        let mut placed = placed.into_iter().peekable();
        while placed.peek().is_some() {
            let now = shared.clock.now();
            let mut core = shared.core.write().unwrap_or_else(PoisonError::into_inner);
            let mut done = 0;
            while done < CHUNK
                && let Some(Placed { seq, at, item }) = placed.next()
            {
                let Item { input, loaded, original, .. } = item;
                done += weight(&input);
                if let Some(loaded) = loaded {
                    core.set_policy(Arc::clone(&loaded.policy));
                    shared.loaded.store(Arc::new(loaded));
                }
                let time = if received { at } else { now };
                loop {
                    match catch_unwind(AssertUnwindSafe(|| core.judge(seq, time))) {
                        Ok(decision) => self.pending.push(Entry::new(time, RecordBody::Decision(Arc::new(decision)))),
                        Err(panic) if self.set_aside(&mut core, seq, time, &input, original.as_ref(), &panic)? => {}
                        // A deadline before it was at fault, and is out of the way now.
                        Err(_) => continue,
                    }
                    break;
                }
            }
        }
        shared.counters.judge_micros.add_time(started.elapsed());
        Ok(())
    }

    /// Judges deadlines that are due, at most [`CHUNK`] moments, so that inputs get their turn. Says whether anything came of it.
    fn tick(&mut self) -> bool {
        (0..CHUNK).take_while(|_| self.judge_moment()).count() > 0
    }

    /// Judges the deadlines of one moment. Nothing while the journal cannot be written, so that decisions do not pile up.
    fn judge_moment(&mut self) -> bool {
        let now = self.shared.clock.now();
        let quiet = self.quiet_until.is_some_and(|until| now < until);
        if quiet || self.trouble == Trouble::Broken || self.read().next_wakeup().is_none_or(|at| at > now) {
            return false;
        }
        let shared = Arc::clone(&self.shared);
        let mut core = shared.core.write().unwrap_or_else(PoisonError::into_inner);
        match catch_unwind(AssertUnwindSafe(|| core.tick(now))) {
            Ok(Some(decision)) => {
                // Each moment is judged at its own time, which is engine time then; it may lie back after a stop.
                let at = core.state().now;
                self.pending.push(Entry::new(at, RecordBody::Decision(Arc::new(decision))));
                true
            }
            Ok(None) => false,
            Err(panic) => {
                if let Err(error) = self.set_deadline_aside(&mut core, now, &panic) {
                    tracing::error!(error = chain(&error), "could not rebuild the state");
                }
                false
            }
        }
    }

    fn alarm(&self, key: &'static str, text: String) {
        let mut mailbox = self.mailbox();
        if !mailbox.alarms.iter().any(|(known, _)| known == key) {
            mailbox.alarms.push((Name::const_new(key), text));
        }
    }

    fn alarm_jump(&self, jump: super::clock::Jump) {
        let text = if jump.forward {
            format!(
                "the clock of this machine jumped forward by {}; escalations go on by elapsed time for {}, then the clock is believed",
                jump.by,
                super::clock::GRACE
            )
        } else {
            format!(
                "the clock of this machine was set back by {}; time goes on at half speed until it has caught up",
                jump.by
            )
        };
        tracing::warn!("{text}");
        self.alarm("clock", text);
    }

    fn housekeeping(&mut self, idle: bool) {
        self.shared.counters.snapshots.add(self.snapshots.take_saved());
        let committed = Seq(self.journal.next_seq().0 - 1);
        if idle && self.pending.is_empty() && self.snapshots.is_due(committed, self.sources(), true) {
            self.snapshot(committed);
        }
        if let Some(before) = self.snapshots.take_trim()
            && let Err(error) = self.journal.trim(before)
        {
            tracing::warn!(error = chain(&error), "could not remove old segments of the journal");
        }
    }

    fn sources(&self) -> usize {
        self.read().state().alerts.len()
    }

    /// Only called while nothing is pending: the state is then what the records up to `committed` say.
    fn snapshot(&mut self, committed: Seq) {
        let state = self.read().state().clone();
        self.snapshots.begin(committed, state, self.shared.clock.now());
    }

    /// What comes after the last turn.
    pub fn end(self) -> Result<(), ShardError> {
        self.shared.gauges.closed.store(true, Ordering::Release);
        self.shared.gauges.running.store(false, Ordering::Release);
        if !self.pending.is_empty() {
            let error = self.shared.gauges.journal_error.lock().unwrap_or_else(PoisonError::into_inner).clone();
            return Err(ShardError::Unwritten(error.unwrap_or_default()));
        }
        let committed = Seq(self.journal.next_seq().0 - 1);
        let shared = Arc::clone(&self.shared);
        let core = shared.core.read().unwrap_or_else(PoisonError::into_inner);
        self.snapshots.finish(committed, core.state()).map_err(ShardError::Snapshot)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Box<dyn Core>> {
        self.shared.core.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> RwLockWriteGuard<'_, Box<dyn Core>> {
        self.shared.core.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn mailbox(&self) -> std::sync::MutexGuard<'_, Mailbox> {
        self.shared.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
