//! One simulation: the real shard, journal, engine and dispatcher on one thread in virtual time, and everything around them made up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use callout::auth::link::LinkKey;
use callout::config::{Loaded, Settings};
use callout::domain::{ChannelRef, EventId, IncidentId, Timestamp};
use callout::engine::state::{Purpose, Status};
use callout::engine::{Actor, Command, Input, State, Verb};
use callout::ingest::{Context, DIALECTS, Known};
use callout::runtime::dispatch::{Channels, Dispatcher};
use callout::runtime::{Accepted, Clock, Handle, Incoming, Parts, Prepared, Refused, Reloader, SnapshotPace, Stepped};
use callout::store::Journal as _;
use callout::store::file::{FileJournal, Layout, Options};
use tokio::time::Instant;

use crate::chaos::{self, Ending, MODES, Mode, Trouble};
use crate::defects::{self, Defect};
use crate::disk::{Chance, FaultDisk, Shim};
use crate::net::{Net, Sent};
use crate::people::{self, Deed};
use crate::senders::{self, Post, Source};
use crate::setup::CONFIGURATIONS;
use crate::tap::{Log, Tap};
use crate::truth::{Broken, Fine, Truth};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
/// Troubles come for so long, where they come thick and fast.
const TROUBLED_MS: u64 = HOUR;
/// Seeds differ in how much time there is between two things; the number of things is about the same.
const PACES: [u64; 4] = [1, 1, 4, 16];
/// After the last trouble everything is told within so long.
const CALM_MS: u64 = 15 * MINUTE;
/// The wall clock at the beginning of the first seed; each begins at another hour.
const BEGIN: Timestamp = Timestamp::from_seconds(1_790_640_000);
/// A process that is down is started again after so long, at most.
const DOWN_MS: u64 = 2 * MINUTE;
const OPTIONS: Options = Options { segment_bytes: 24 << 10, reserve_bytes: 24 << 10, spare: false };
/// Records that are compared with the disk after a crash; the rest is at the end.
const COMPARED: u64 = 200;

/// What was seen, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub events: u64,
    pub refused: u64,
    pub records: u64,
    pub turns: u64,
    pub incidents: u64,
    pub steps: u64,
    pub messages: u64,
    pub pages: u64,
    pub arrived: u64,
    pub again: u64,
    pub kills: u64,
    pub cuts: u64,
    pub stops: u64,
    pub failed_commits: u64,
    pub jumps: u64,
    pub freezes: u64,
    pub reloads: u64,
    pub commands: u64,
    pub days_ms: u64,
    /// A hash over everything on the disk at the end.
    pub bytes: u64,
}

impl Stats {
    /// Takes those of another simulation in.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.numbers_mut().into_iter().zip(other.clone().numbers_mut()) {
            *mine += *theirs;
        }
    }

    fn numbers_mut(&mut self) -> [&mut u64; 19] {
        let Self { events, refused, records, turns, incidents, steps, messages, pages, arrived, again, .. } = self;
        let Self { kills, cuts, stops, failed_commits, jumps, freezes, reloads, commands, days_ms, .. } = self;
        [
            events,
            refused,
            records,
            turns,
            incidents,
            steps,
            messages,
            pages,
            arrived,
            again,
            kills,
            cuts,
            stops,
            failed_commits,
            jumps,
            freezes,
            reloads,
            commands,
            days_ms,
        ]
    }

    /// In words.
    pub fn sentence(&self) -> String {
        format!(
            "{} days, {} events answered, {} requests refused and sent again, {} commands, {} incidents, {} steps, {} messages ({} pages), {} arrived, \
             {} arrivals more than once; {} kills, {} power cuts, {} stops, {} failed commits, {} settings of the clock, {} stalls, {} reloads; {} records in {} turns",
            self.days_ms / (24 * HOUR),
            self.events,
            self.refused,
            self.commands,
            self.incidents,
            self.steps,
            self.messages,
            self.pages,
            self.arrived,
            self.again,
            self.kills,
            self.cuts,
            self.stops,
            self.failed_commits,
            self.jumps,
            self.freezes,
            self.reloads,
            self.records,
            self.turns
        )
    }
}

/// Something that happens at a time.
#[derive(Debug)]
enum Act {
    End(u64, Ending),
    Speak(usize),
    Ask(usize),
    Do(Deed),
    Trouble(Trouble, u64),
    Mend(ChannelRef),
    MendDisk,
}

/// What came back from the shard.
#[derive(Debug)]
enum Answer {
    Posted { life: u64, post: usize, taken: Vec<Incoming>, answer: Result<Vec<Accepted>, Refused> },
    Done,
    Reloaded,
}

/// A running process.
struct Life {
    number: u64,
    handle: Handle,
    clock: Clock,
    stepped: Stepped,
    /// Emptied when the process dies, so that nothing of it goes on.
    dispatcher: Arc<Mutex<Option<Dispatcher>>>,
    shim: Shim,
    repeated: u64,
    compared: usize,
}

impl Life {
    /// Whether a deadline has passed.
    fn is_behind(&self) -> bool {
        self.stepped.wakeup().is_some_and(|at| at <= self.clock.now())
    }
}

/// The simulation.
pub struct Simulation {
    chance: Chance,
    defect: Option<Defect>,
    began: Instant,
    /// Wall clock minus elapsed time, milliseconds.
    wall: i64,
    disk: FaultDisk,
    log: Log,
    net: Net,
    truth: Truth,
    life: Option<Life>,
    lives: u64,
    agenda: BTreeMap<(u64, u64), Act>,
    acts: u64,
    /// The variant of the configuration that lies on the disk.
    files: Arc<Mutex<usize>>,
    modes: BTreeMap<ChannelRef, Mode>,
    sources: Vec<Source>,
    posts: BTreeMap<usize, Post>,
    last_post: usize,
    answers: Arc<Mutex<Vec<Answer>>>,
    /// How much slower everything comes than where it comes thick and fast.
    pace: u64,
    calm: bool,
    stats: Stats,
}

/// Runs the simulation of a seed to its end.
pub fn run(seed: u64, defect: Option<Defect>) -> Result<Stats, Broken> {
    defects::put_in(defect);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        runtime.block_on(async {
            let mut simulation = Simulation::new(seed, defect);
            let told = simulation.run().await;
            simulation.die(false).await;
            told.map(|()| simulation.stats)
        })
    }));
    defects::put_in(None);
    told.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("a panic: {}", text.unwrap_or_default()))
    })
}

impl Simulation {
    fn new(seed: u64, defect: Option<Defect>) -> Self {
        let mut chance = Chance(seed);
        let files = usize::try_from(chance.below(CONFIGURATIONS.len() as u64)).unwrap();
        let policies = CONFIGURATIONS.iter().map(|loaded| Arc::clone(&loaded.policy));
        let begin = BEGIN.as_millis() + i64::try_from(chance.below(60 * 24) * HOUR).unwrap();
        Self {
            defect,
            began: Instant::now(),
            wall: begin,
            disk: FaultDisk::new(chance.next()),
            log: Log::default(),
            net: Net::default(),
            truth: Truth::new(policies, &CONFIGURATIONS[files].policy),
            life: None,
            lives: 0,
            agenda: BTreeMap::new(),
            acts: 0,
            files: Arc::new(Mutex::new(files)),
            modes: BTreeMap::new(),
            sources: senders::sources(),
            posts: BTreeMap::new(),
            last_post: 0,
            answers: Arc::default(),
            pace: PACES[usize::try_from(chance.below(PACES.len() as u64)).unwrap()],
            calm: false,
            stats: Stats::default(),
            chance,
        }
    }

    async fn run(&mut self) -> Fine {
        self.start().await?;
        for source in 0..self.sources.len() {
            let at = self.chance.below(self.pace * HOUR / 2);
            self.plan(at, Act::Speak(source));
        }
        for (trouble, mean) in chaos::profile(&mut self.chance) {
            let gap = chaos::gap(self.pace * mean, &mut self.chance);
            self.plan(gap, Act::Trouble(trouble, mean));
        }
        while self.ms() < self.pace * TROUBLED_MS {
            self.step().await?;
        }
        self.calm().await?;
        self.close().await
    }

    /// Everything is mended and over; what is left must be told soon.
    async fn calm(&mut self) -> Fine {
        self.calm = true;
        self.disk.fail_one_in(0);
        self.disk.set_full(false);
        self.modes.clear();
        for (_, act) in std::mem::take(&mut self.agenda) {
            if let Act::End(..) | Act::Ask(_) = act {
                self.plan(1_000, act);
            }
        }
        let mut limit = self.ms() + CALM_MS;
        for source in 0..self.sources.len() {
            let post = self.sources[source].end(&mut self.chance);
            self.take_post(post);
        }
        let mut asked = 0;
        while !self.is_drained() {
            self.step().await?;
            if self.life.is_none() {
                limit = self.ms() + CALM_MS;
            }
            if self.ms() > limit {
                return Err(format!(
                    "{} min after the last fault the outbox is not empty: {}",
                    CALM_MS / MINUTE,
                    self.left()
                ));
            }
            // Now everybody looks after what is open, once a minute.
            if self.ms() >= asked {
                asked = self.ms() + MINUTE;
                let open: Vec<IncidentId> = self
                    .truth
                    .cases
                    .iter()
                    .filter(|(_, case)| case.status.is_open() && (case.told || case.status != Status::Triggered))
                    .map(|(id, _)| *id)
                    .collect();
                for incident in open {
                    let what = people::What::Verb(Verb::Resolve { incident });
                    self.plan(100, Act::Do(Deed { after_ms: 0, by: Actor::Local, what }));
                }
            }
        }
        self.truth.everybody_was_told()
    }

    fn is_drained(&self) -> bool {
        let Some(life) = &self.life else { return false };
        self.posts.is_empty()
            && life.handle.read(|state| state.outbox.is_empty())
            && !life.stepped.wait().is_zero()
            && self.truth.cases.values().all(|case| !case.status.is_open())
    }

    fn left(&self) -> String {
        let rows =
            self.life.as_ref().map(|life| life.handle.read(|state| format!("{:?}", state.outbox.values().next())));
        let open = self.truth.cases.iter().find(|(_, case)| case.status.is_open());
        format!("{rows:?}, unanswered: {}, open: {open:?}", self.posts.len())
    }

    /// Stops it in order, starts it once more, and compares everything.
    async fn close(&mut self) -> Fine {
        // A wall clock that jumped ahead is believed by then; at a start it is believed at once, and deadlines would follow.
        let believed = self.ms() + 3 * MINUTE;
        while self.ms() < believed {
            self.step().await?;
        }
        while self.life.as_ref().is_none_or(|life| life.stepped.wait().is_zero() || life.is_behind()) {
            self.work().await?;
        }
        let before = self.state_text();
        self.stop().await?;
        self.verify_disk(u64::MAX)?;
        self.start().await?;
        let after = self.state_text();
        if before != after {
            let same = before.bytes().zip(after.bytes()).take_while(|(a, b)| a == b).count().saturating_sub(100);
            let part = |text: &str| text.get(same..).unwrap_or_default().chars().take(400).collect::<String>();
            let (before, after) = (part(&before), part(&after));
            return Err(format!("the state after a stop and a start is not the one before: {after}\nand not {before}"));
        }
        let (arrived, again) = self.net.totals();
        let truth = &self.truth;
        self.stats.records = truth.records;
        self.stats.incidents = truth.cases.len() as u64;
        self.stats.steps = truth.steps;
        self.stats.messages = truth.rows.len() as u64;
        self.stats.pages = truth.pages;
        (self.stats.arrived, self.stats.again) = (arrived, again);
        self.stats.failed_commits = self.log.lock().failures;
        self.stats.days_ms = self.ms();
        self.stats.bytes = self.life.as_ref().map_or(0, |life| life.shim.hash());
        Ok(())
    }

    /// All that is known, in words. Time may go on at a start; what is known may not change.
    fn state_text(&self) -> String {
        let state = self.life.as_ref().map(|life| life.handle.read(Clone::clone));
        state.map(|state| format!("{:?}", State { now: Timestamp::MIN, ..state })).unwrap_or_default()
    }

    fn ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap()
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(self.wall + i64::try_from(self.ms()).unwrap())
    }

    fn plan(&mut self, after: u64, act: Act) {
        self.acts += 1;
        self.agenda.insert((self.ms() + after, self.acts), act);
    }

    /// Works; when nothing is left to do, waits until something happens.
    async fn step(&mut self) -> Fine {
        if self.work().await? { Ok(()) } else { self.wait().await }
    }

    /// Lets everything run that can, then the shard, then what is due outside. Says whether something may be left to do.
    async fn work(&mut self) -> Result<bool, Broken> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.truth.clock_ms = self.ms();
        self.listen()?;
        self.turn().await?;
        if self.act().await? {
            return Ok(true);
        }
        let Some(life) = &self.life else {
            self.start().await?;
            return Ok(true);
        };
        let asked = !self.answers.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        Ok(asked || life.stepped.wait().is_zero())
    }

    async fn wait(&mut self) -> Fine {
        let Some(life) = &self.life else { return Ok(()) };
        let mut wait = Duration::from_mins(10);
        if let Some(((at, _), _)) = self.agenda.first_key_value() {
            wait = wait.min(Duration::from_millis(at.saturating_sub(self.ms())));
        }
        if let Some(at) = life.stepped.wakeup() {
            wait = wait.min(life.clock.until(at).max(Duration::from_millis(20)));
        }
        if life.handle.health().journal_error.is_some() {
            wait = wait.min(life.stepped.wait());
        }
        if life.handle.read(|state| !state.outbox.is_empty()) {
            wait = wait.min(Duration::from_secs(10));
        }
        tokio::select! {
            biased;
            () = self.net.stirred.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
        Ok(())
    }

    /// Looks at calls that began, and at what was answered.
    fn listen(&mut self) -> Fine {
        for (id, channel, messages) in self.net.begun() {
            for message in &messages {
                self.truth.leaves(message, &self.net)?;
            }
            let mode = self.modes.get(&channel).copied();
            let mut ending = chaos::ending(mode, &channel, &messages, &mut self.chance);
            if self.defect == Some(Defect::ReportFailureAsDelivered) {
                ending.answers =
                    messages.iter().map(|_| callout::channel::Sending::Delivered { receipt: None }).collect();
            }
            self.plan(ending.after_ms, Act::End(id, ending));
        }
        let answers = std::mem::take(&mut *self.answers.lock().unwrap_or_else(PoisonError::into_inner));
        for answer in answers {
            if let Answer::Posted { life, post, taken, answer } = answer {
                self.answered(life, post, &taken, answer)?;
            }
        }
        Ok(())
    }

    /// A request was answered: what was promised is in the journal, and on the disk.
    fn answered(&mut self, life: u64, post: usize, taken: &[Incoming], answer: Result<Vec<Accepted>, Refused>) -> Fine {
        let current = self.life.as_ref().is_some_and(|now| now.number == life);
        let accepted = match answer {
            Ok(accepted) if current => accepted,
            _ => {
                self.stats.refused += 1;
                if let Some(post) = self.posts.get_mut(&post) {
                    post.asked = false;
                }
                let wait = 500 + self.chance.below(20_000);
                self.plan(wait, Act::Ask(post));
                return Ok(());
            }
        };
        self.posts.remove(&post);
        self.stats.events += accepted.len() as u64;
        let repeated = accepted.iter().filter(|one| one.repeated).count();
        if let Some(life) = &mut self.life {
            life.repeated += repeated as u64;
        }
        for (incoming, Accepted { event, repeated }) in taken.iter().zip(accepted) {
            if !self.is_kept(incoming, event, repeated) {
                return Err(format!("{event:?} was answered and is not in the journal as it was sent: {incoming:?}"));
            }
        }
        Ok(())
    }

    fn is_kept(&self, incoming: &Incoming, event: EventId, repeated: bool) -> bool {
        let kept = self.truth.events.get(&event).map(|input| &**input);
        match (incoming, kept) {
            (Incoming::New(sent), Some(Input::Event(kept))) if repeated => kept.idempotency == sent.idempotency,
            (Incoming::New(sent), Some(Input::Event(kept))) => kept == sent,
            (Incoming::Refire(sent), Some(Input::Refires(kept))) => kept.contains(sent),
            _ => false,
        }
    }

    /// One turn of the shard. What it wrote is accounted for; a power cut in it ends the process.
    async fn turn(&mut self) -> Fine {
        let Some(life) = &mut self.life else { return Ok(()) };
        self.stats.turns += 1;
        let result = life.stepped.turn();
        let off = life.shim.is_off();
        let early = defects::early();
        if !early.is_empty()
            && let Some(dispatcher) = &*life.dispatcher.lock().unwrap_or_else(PoisonError::into_inner)
        {
            dispatcher.offer(early);
        }
        let new = self.follow()?;
        if off {
            self.die(true).await;
            return Ok(());
        }
        result.map_err(|error| format!("the loop ended: {error}"))?;
        self.compare(new)
    }

    /// Accounts for what was confirmed since the last time.
    fn follow(&mut self) -> Result<bool, Broken> {
        let done = usize::try_from(self.truth.records).unwrap();
        let new = self.log.lock().confirmed[done..].to_vec();
        for entry in &new {
            self.truth.follow(entry, &self.net)?;
        }
        Ok(!new.is_empty())
    }

    /// While nothing is under way, what is in memory is what the journal says, and the counters add up.
    fn compare(&mut self, new: bool) -> Fine {
        let Some(life) = &mut self.life else { return Ok(()) };
        let clear = life.handle.health().journal_error.is_none();
        if !clear {
            self.truth.pause();
        }
        if !clear || life.stepped.wait().is_zero() {
            return Ok(());
        }
        life.compared += 1;
        if new || life.compared % 16 == 0 {
            life.handle.read(|state| self.truth.compare(state))?;
        }
        let (counters, counts) = (life.handle.counters(), &self.truth.life);
        let of = |what: fn(&callout::runtime::Deliveries) -> &callout::runtime::Counter| {
            counters.deliveries.iter().map(|one| what(one).get()).sum::<u64>()
        };
        for (what, counted, true_number) in [
            ("events", counters.events.get(), counts.events),
            ("judged", counters.judged.get(), counts.judged),
            ("panics", counters.panics.get(), 0),
            ("delivered", of(|one| &one.delivered), counts.delivered),
            ("retried", of(|one| &one.retried), counts.retried),
            ("failed", of(|one| &one.failed), counts.failed),
        ] {
            if counted != true_number {
                return Err(format!("the counter `{what}` says {counted}, and it was {true_number}"));
            }
        }
        Ok(())
    }

    /// Does what is due outside. Says whether anything was.
    async fn act(&mut self) -> Result<bool, Broken> {
        let mut any = false;
        while let Some(entry) = self
            .agenda
            .first_entry()
            .filter(|entry| entry.key().0 <= u64::try_from(self.began.elapsed().as_millis()).unwrap())
        {
            any = true;
            match entry.remove() {
                Act::End(call, ending) => self.end(call, ending),
                Act::Speak(source) => {
                    let post = self.sources[source].speak(&mut self.chance);
                    self.take_post(post);
                    let next = MINUTE + self.chance.below(self.pace * 30 * MINUTE);
                    self.plan(next, Act::Speak(source));
                }
                Act::Ask(post) => self.ask(post),
                Act::Do(deed) => self.command(&deed),
                Act::Mend(channel) => drop(self.modes.remove(&channel)),
                Act::MendDisk => {
                    self.disk.fail_one_in(0);
                    self.disk.set_full(false);
                }
                Act::Trouble(trouble, mean) => {
                    let gap = chaos::gap(self.pace * mean, &mut self.chance);
                    self.plan(gap, Act::Trouble(trouble, mean));
                    self.trouble(trouble).await?;
                }
            }
        }
        Ok(any)
    }

    /// A call ends: messages arrive, and people do something about them.
    fn end(&mut self, call: u64, ending: Ending) {
        self.net.arrive(&ending.arrive);
        self.net.answer(call, ending.answers);
        for sent in &ending.arrive {
            self.read(sent);
        }
    }

    fn read(&mut self, sent: &Sent) {
        if self.calm {
            return;
        }
        let (Some(incident), Some(person), Purpose::Page) = (sent.incident, &sent.person, sent.purpose) else { return };
        for deed in people::paged(person, incident, &mut self.chance) {
            self.plan(deed.after_ms, Act::Do(deed));
        }
    }

    fn take_post(&mut self, post: Post) {
        self.last_post += 1;
        self.posts.insert(self.last_post, post);
        self.ask(self.last_post);
    }

    /// Posts a request, as the HTTP side does: parsed by its dialect, handed to the shard, answered when it is on the disk.
    fn ask(&mut self, number: usize) {
        let Some(post) = self.posts.get_mut(&number) else { return };
        let Some(life) = &self.life else {
            self.plan(5_000, Act::Ask(number));
            return;
        };
        let (handle, answers) = (life.handle.clone(), Arc::clone(&self.answers));
        let context = Context { now: handle.now(), organisation: "acme", known: &Sources(&handle), may: None };
        let parsed = (DIALECTS[post.dialect].parse)(&post.body, &context);
        let parsed = parsed.unwrap_or_else(|refusal| panic!("a request was refused: {refusal:?}"));
        assert!(parsed.rejected.is_empty(), "an event was refused: {:?}", parsed.rejected);
        post.asked = true;
        let life = life.number;
        let taken = parsed.taken;
        tokio::spawn(async move {
            let answer = handle.accept(taken.clone()).await;
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.push(Answer::Posted { life, post: number, taken, answer });
        });
    }

    fn command(&mut self, deed: &Deed) {
        let Some(life) = &self.life else { return };
        self.stats.commands += 1;
        let command: Command = deed.command(life.handle.now());
        let (handle, answers) = (life.handle.clone(), Arc::clone(&self.answers));
        tokio::spawn(async move {
            let _ = handle.command(command).await;
            answers.lock().unwrap_or_else(PoisonError::into_inner).push(Answer::Done);
        });
    }

    async fn trouble(&mut self, trouble: Trouble) -> Fine {
        match trouble {
            Trouble::Kill => {
                self.die(false).await;
                self.stats.kills += 1;
            }
            // Without a process nobody writes.
            Trouble::Cut if self.life.is_none() => {}
            Trouble::Cut => {
                let writes = self.chance.below(12);
                self.disk.cut_after(writes);
            }
            Trouble::Restart => {
                if self.chance.one_in(2) {
                    self.change_files();
                }
                self.stop().await?;
            }
            Trouble::Full => {
                self.disk.set_full(true);
                let span = 5_000 + self.chance.below(3 * MINUTE);
                self.plan(span, Act::MendDisk);
            }
            Trouble::Errors => {
                self.disk.fail_one_in(2 + self.chance.below(30));
                let span = 1_000 + self.chance.below(MINUTE);
                self.plan(span, Act::MendDisk);
            }
            Trouble::Jump => {
                self.stats.jumps += 1;
                let by = i64::try_from(2 * MINUTE + self.chance.below(4 * HOUR)).unwrap();
                self.wall += if self.chance.one_in(2) { by } else { -by };
                if let Some(life) = &self.life {
                    life.clock.set_wall(self.wall());
                }
            }
            Trouble::Freeze => {
                self.stats.freezes += 1;
                let span = 1_000 + self.chance.below(30 * MINUTE);
                tokio::time::advance(Duration::from_millis(span)).await;
                self.truth.clock_ms = self.ms();
                self.truth.pause();
            }
            Trouble::Reload => {
                // The files are read on a thread of its own. Nothing else is under way meanwhile, so that chance has no part in the order.
                tokio::time::sleep(Duration::from_millis(1)).await;
                self.reload();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Trouble::Channel => {
                let channels: Vec<ChannelRef> = self.loaded().settings.channels.keys().cloned().collect();
                let channel = channels[usize::try_from(self.chance.below(channels.len() as u64)).unwrap()].clone();
                let mode = MODES[usize::try_from(self.chance.below(MODES.len() as u64)).unwrap()];
                self.modes.insert(channel.clone(), mode);
                let span = 10_000 + self.chance.below(40 * MINUTE);
                self.plan(span, Act::Mend(channel));
            }
            Trouble::Storm => {
                let source = usize::try_from(self.chance.below(self.sources.len() as u64)).unwrap();
                let post = self.sources[source].storm(&mut self.chance);
                self.take_post(post);
            }
            Trouble::Whim => {
                let last = self.truth.cases.len() as u64;
                let deed = if last == 0 || self.chance.one_in(8) {
                    people::end_silence(&mut self.chance)
                } else {
                    let recent = last - self.chance.below(last.min(4));
                    people::whim(IncidentId(recent), &mut self.chance)
                };
                self.command(&deed);
            }
        }
        Ok(())
    }

    fn loaded(&self) -> Loaded {
        CONFIGURATIONS[*self.files.lock().unwrap_or_else(PoisonError::into_inner)].clone()
    }

    fn change_files(&mut self) {
        let next = usize::try_from(self.chance.below(CONFIGURATIONS.len() as u64)).unwrap();
        *self.files.lock().unwrap_or_else(PoisonError::into_inner) = next;
    }

    fn reload(&mut self) {
        self.change_files();
        let Some(life) = &self.life else { return };
        self.stats.reloads += 1;
        let (handle, answers) = (life.handle.clone(), Arc::clone(&self.answers));
        tokio::spawn(async move {
            let _ = handle.reload().await;
            answers.lock().unwrap_or_else(PoisonError::into_inner).push(Answer::Reloaded);
        });
    }

    /// The process ends, in the midst of whatever it does.
    async fn die(&mut self, power: bool) {
        let Some(life) = self.life.take() else { return };
        let dispatcher = life.dispatcher.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(life);
        if let Some(dispatcher) = dispatcher {
            dispatcher.stop(Duration::ZERO).await;
        }
        for messages in self.net.hang_up() {
            // It had left, or it had not.
            if self.chance.one_in(2) {
                self.net.arrive(&messages);
                for sent in &messages {
                    self.read(sent);
                }
            }
        }
        self.disk.fail_one_in(0);
        if power {
            self.stats.cuts += 1;
            self.disk.restart_after_power_cut();
        } else {
            self.disk.restart_after_kill();
        }
    }

    /// Stops it in order.
    async fn stop(&mut self) -> Fine {
        let Some(life) = self.life.take() else { return Ok(()) };
        self.stats.stops += 1;
        let dispatcher = life.dispatcher.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(dispatcher) = dispatcher {
            // What is under way ends; the answers come meanwhile.
            let calls = self.net.hang_up();
            dispatcher.stop(Duration::ZERO).await;
            for messages in calls {
                if self.chance.one_in(2) {
                    self.net.arrive(&messages);
                }
            }
        }
        let shim = life.shim.clone();
        // With a disk in trouble the end may fail; nothing that was answered is lost by that.
        let stopped = life.stepped.stop();
        self.follow()?;
        self.disk.fail_one_in(0);
        if shim.is_off() {
            self.stats.cuts += 1;
            self.disk.restart_after_power_cut();
        } else if stopped.is_err() && self.calm {
            return Err(format!("it could not stop: {stopped:?}"));
        } else {
            self.disk.restart_after_kill();
        }
        Ok(())
    }

    /// Starts the process; sometimes the power goes again while it does.
    async fn start(&mut self) -> Fine {
        // With a disk that fails a start is refused, and tried again until the disk is well.
        self.disk.fail_one_in(0);
        if self.lives > 0 && !self.calm {
            let down = self.chance.below(DOWN_MS);
            tokio::time::sleep(Duration::from_millis(down)).await;
            if self.chance.one_in(4) {
                self.disk.cut_after(self.chance.below(6));
                let shim = Shim::new(self.disk.clone(), self.defect);
                drop(FileJournal::open(Arc::new(shim), &layout(), OPTIONS, None));
                self.disk.restart_after_power_cut();
                self.stats.cuts += 1;
            }
        }
        self.verify_disk(COMPARED)?;
        let shim = Shim::new(self.disk.clone(), self.defect);
        let inner = FileJournal::open(Arc::new(shim.clone()), &layout(), OPTIONS, None);
        let inner = inner.map_err(|error| format!("a start was refused: {error}"))?;
        let journal = Tap { inner, log: self.log.clone(), defect: self.defect, held: Vec::new() };
        let loaded = self.loaded();
        self.truth.clock_ms = self.ms();
        self.truth.new_life(&loaded.policy);
        let clock = Clock::of_tokio(self.wall());
        let settings = Arc::clone(&loaded.settings);
        let parts =
            Parts { journal: Box::new(journal), index: None, loaded, clock: clock.clone(), make: defects::core };
        let prepared = Prepared::new(parts).map_err(|error| format!("a start was refused: {error}"))?;
        let handle = prepared.handle();
        let slot = Arc::new(Mutex::new(None));
        let chance = Arc::new(Mutex::new(Chance(self.chance.next())));
        let dispatcher = Dispatcher::start_with(
            handle.clone(),
            LinkKey::new([7; 32]),
            &channels(&self.net, &settings),
            &settings,
            Arc::new(move || {
                let mut chance = chance.lock().unwrap_or_else(PoisonError::into_inner);
                u32::try_from(chance.next() >> 32).unwrap()
            }),
        );
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(dispatcher);
        handle.set_reloader(self.reloader(Arc::clone(&slot), settings));
        let offered = Arc::clone(&slot);
        let twice = self.defect == Some(Defect::ReleaseTwice);
        let before = Mutex::new(Vec::new());
        let release = move |mut rows: Vec<_>| {
            if twice {
                let now = rows.clone();
                rows.append(&mut std::mem::replace(&mut *before.lock().unwrap_or_else(PoisonError::into_inner), now));
            }
            if let Some(dispatcher) = &*offered.lock().unwrap_or_else(PoisonError::into_inner) {
                dispatcher.offer(rows);
            }
        };
        let pace = SnapshotPace {
            records: 400,
            records_per_source: 0,
            records_idle: 150,
            retention: callout::domain::Span::from_hours(4),
            beside: false,
        };
        let stepped = prepared.stepped(release, |_| {}, pace).map_err(|error| format!("a start failed: {error}"))?;
        self.lives += 1;
        let number = self.lives;
        self.life = Some(Life { number, handle, clock, stepped, dispatcher: slot, shim, repeated: 0, compared: 0 });
        self.follow()?;
        Ok(())
    }

    fn reloader(&self, slot: Arc<Mutex<Option<Dispatcher>>>, first: Arc<Settings>) -> Reloader {
        let (net, files) = (self.net.clone(), Arc::clone(&self.files));
        let last = Mutex::new(first);
        Reloader::new(
            Box::new(move || Ok(CONFIGURATIONS[*files.lock().unwrap_or_else(PoisonError::into_inner)].clone())),
            Box::new(move |loaded| {
                let settings = Arc::clone(&loaded.settings);
                let install = |settings: &Settings| {
                    if let Some(dispatcher) = &*slot.lock().unwrap_or_else(PoisonError::into_inner) {
                        dispatcher.install(&channels(&net, settings), settings);
                    }
                };
                install(&settings);
                let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                let before = std::mem::replace(&mut *last, settings);
                let (slot, net) = (Arc::clone(&slot), net.clone());
                Ok(Box::new(move || {
                    if let Some(dispatcher) = &*slot.lock().unwrap_or_else(PoisonError::into_inner) {
                        dispatcher.install(&channels(&net, &before), &before);
                    }
                }))
            }),
        )
    }

    /// What was confirmed is on the disk as it was confirmed; of what was not, at most one commit, as a whole.
    fn verify_disk(&mut self, newest: u64) -> Fine {
        // Reading alone, so that what is found is what a start would find.
        let shim = Shim::new(self.disk.clone(), None);
        let journal = FileJournal::open(Arc::new(shim), &layout(), OPTIONS, None);
        let journal = journal.map_err(|error| format!("a start was refused: {error}"))?;
        let reader = journal.reader();
        let mut passed = self.log.lock();
        let confirmed = passed.confirmed.len() as u64;
        let committed = reader.committed().0;
        if committed < confirmed {
            return Err(format!("records were lost: {committed} of {confirmed} that were confirmed are there"));
        }
        let first = reader.first_seq().0.max((confirmed + 1).saturating_sub(newest));
        let mut more = Vec::new();
        for record in reader.read_from(callout::domain::Seq(first)) {
            let (_, record) = record.map_err(|error| format!("a record cannot be read: {error}"))?;
            let entry = callout::store::Entry::new(record.at, record.body);
            match passed.confirmed.get(usize::try_from(record.seq.0 - 1).unwrap()) {
                Some(known) if *known == entry => {}
                Some(known) => {
                    return Err(format!("record {} is {entry:?}, and was confirmed as {known:?}", record.seq));
                }
                None => more.push(entry),
            }
        }
        if !more.is_empty() && !passed.doubtful.contains(&more) {
            return Err(format!("{} records are there that were never written so", more.len()));
        }
        passed.confirmed.append(&mut more);
        passed.doubtful.clear();
        drop(passed);
        self.follow()?;
        Ok(())
    }
}

/// What the dialects may know.
struct Sources<'a>(&'a Handle);

impl Known for Sources<'_> {
    fn look(&self, look: &mut dyn FnMut(&BTreeMap<callout::domain::Fingerprint, callout::engine::state::Alert>, bool)) {
        let waiting = self.0.has_unjudged();
        self.0.read(|state| look(&state.alerts, waiting));
    }
}

fn layout() -> Layout {
    Layout::new(std::path::Path::new("/data"))
}

fn channels(net: &Net, settings: &Settings) -> Channels {
    settings.channels.keys().map(|reference| (reference.clone(), net.channel(reference))).collect()
}
