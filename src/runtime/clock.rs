//! The shell's clock: the only reader of clocks in callout.
//!
//! [`Clock::now`] is the wall clock with three promises: it never runs backwards; a wall clock that was set back does not stop deadlines
//! (time goes on at half speed until the wall clock has caught up); and a wall clock that jumps forward does not fire every deadline
//! at once: for [`GRACE`] time goes on by the monotonic clock, an alarm tells people, and only then the wall clock is believed.
//! Waiting and backoff use [`Clock::instant`] or tokio's timers, which no setting of the wall clock moves.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::{Span, Timestamp};

/// How far a wall clock may get ahead of the monotonic one between two looks. Beyond: it has jumped; time goes on by the monotonic one for
/// [`GRACE`], and people are told.
pub const JUMP_MAX: Span = Span::from_seconds(60);
/// A jumped wall clock is believed after so long; until then escalation goes on by elapsed time.
pub const GRACE: Span = Span::from_seconds(120);

/// A clock. Clones share it.
#[derive(Debug, Clone)]
pub struct Clock {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    hands: Hands,
    guard: Mutex<Guard>,
}

#[derive(Debug)]
enum Hands {
    /// The machine's.
    System { started: Instant },
    /// A test's: milliseconds of wall and monotonic clock.
    Simulated { wall: AtomicI64, elapsed: AtomicI64 },
    /// A simulator's: tokio's clock, and milliseconds of the wall clock at its start.
    Tokio { started: tokio::time::Instant, wall: AtomicI64 },
}

/// A wall clock that was set, as people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jump {
    /// By how much.
    pub by: Span,
    /// Forward, or back.
    pub forward: bool,
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this file is the one that reads clocks")]
    pub fn system() -> Self {
        Self::with(Hands::System { started: Instant::now() })
    }

    /// A clock for tests, which stands still until it is moved.
    #[must_use]
    pub fn simulated(at: Timestamp) -> Self {
        Self::with(Hands::Simulated { wall: AtomicI64::new(at.as_millis()), elapsed: AtomicI64::new(0) })
    }

    /// A clock that goes with tokio's timers and stands still where they are paused. For simulators, in which the time that is waited and
    /// the time that is recorded must be the same.
    #[must_use]
    pub fn of_tokio(at: Timestamp) -> Self {
        Self::with(Hands::Tokio { started: tokio::time::Instant::now(), wall: AtomicI64::new(at.as_millis()) })
    }

    fn with(hands: Hands) -> Self {
        let (wall, elapsed) = hands.read();
        let guard =
            Guard { now: wall, elapsed, offset: wall.as_millis() - elapsed.as_millis(), ahead: None, jump: None };
        Self { inner: Arc::new(Inner { hands, guard: Mutex::new(guard) }) }
    }

    /// The time. See the module's promises.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let mut guard = self.inner.guard.lock().unwrap_or_else(PoisonError::into_inner);
        let (wall, elapsed) = self.inner.hands.read();
        guard.observe(wall, elapsed)
    }

    /// Time was `at` already, in the process before this one. A wall clock that was set back meanwhile is treated as if it were set back now:
    /// what is due by the times of then must not wait until it has caught up.
    pub fn not_before(&self, at: Timestamp) {
        let mut guard = self.inner.guard.lock().unwrap_or_else(PoisonError::into_inner);
        guard.now = guard.now.max(at);
    }

    /// A moment for measuring elapsed time; no setting of the wall clock moves it.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this file is the one that reads clocks")]
    pub fn instant(&self) -> Instant {
        Instant::now()
    }

    /// The jump of the wall clock that was noticed since this was last asked.
    #[must_use]
    pub fn take_jump(&self) -> Option<Jump> {
        self.inner.guard.lock().unwrap_or_else(PoisonError::into_inner).jump.take()
    }

    /// Lets a simulated clock go on; wall and monotonic alike. Does nothing to the machine's clock.
    pub fn advance(&self, by: Span) {
        if let Hands::Simulated { wall, elapsed } = &self.inner.hands {
            wall.fetch_add(by.as_millis(), Ordering::SeqCst);
            elapsed.fetch_add(by.as_millis(), Ordering::SeqCst);
        }
    }

    /// Sets the wall clock of a simulated clock, as an operator would; the monotonic one stays. Does nothing to the machine's clock.
    pub fn set_wall(&self, at: Timestamp) {
        match &self.inner.hands {
            Hands::Simulated { wall, .. } => wall.store(at.as_millis(), Ordering::SeqCst),
            Hands::Tokio { started, wall } => wall.store(at.minus(passed(*started)).as_millis(), Ordering::SeqCst),
            Hands::System { .. } => {}
        }
    }

    /// How long until `at`, for a wait; zero when it is past.
    #[must_use]
    pub fn until(&self, at: Timestamp) -> Duration {
        at.since(self.now()).to_std()
    }
}

impl Hands {
    #[expect(clippy::disallowed_methods, reason = "this file is the one that reads clocks")]
    fn read(&self) -> (Timestamp, Span) {
        match self {
            Self::System { started } => {
                let elapsed = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
                (Timestamp::from_jiff(jiff::Timestamp::now()), Span::from_millis(elapsed))
            }
            Self::Simulated { wall, elapsed } => {
                (Timestamp::from_millis(wall.load(Ordering::SeqCst)), Span::from_millis(elapsed.load(Ordering::SeqCst)))
            }
            Self::Tokio { started, wall } => {
                let elapsed = passed(*started);
                (Timestamp::from_millis(wall.load(Ordering::SeqCst)).plus(elapsed), elapsed)
            }
        }
    }
}

fn passed(started: tokio::time::Instant) -> Span {
    Span::from_millis(i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX))
}

/// What was last seen of the two clocks, and what was made of it.
#[derive(Debug)]
struct Guard {
    /// What was last said.
    now: Timestamp,
    /// The monotonic clock then.
    elapsed: Span,
    /// Wall minus monotonic clock when they were last seen to agree, in milliseconds.
    offset: i64,
    /// Since when (monotonic) a jumped wall clock waits to be believed.
    ahead: Option<Span>,
    jump: Option<Jump>,
}

impl Guard {
    fn observe(&mut self, wall: Timestamp, elapsed: Span) -> Timestamp {
        let passed = elapsed.as_millis().saturating_sub(self.elapsed.as_millis()).max(0);
        let offset = wall.as_millis() - elapsed.as_millis();
        let jumped = offset - self.offset;
        let by_elapsed = self.now.plus(Span::from_millis(passed));
        let next = if jumped > JUMP_MAX.as_millis() {
            let since = *self.ahead.get_or_insert_with(|| {
                self.jump = Some(Jump { by: Span::from_millis(jumped), forward: true });
                elapsed
            });
            if elapsed.as_millis() - since.as_millis() >= GRACE.as_millis() {
                self.believe(offset);
                wall
            } else {
                by_elapsed
            }
        } else {
            if jumped < -JUMP_MAX.as_millis() {
                self.jump = Some(Jump { by: Span::from_millis(-jumped), forward: false });
            }
            // Small corrections, and every step back, are believed at once: nothing fires early by them.
            self.believe(offset);
            if wall >= self.now { wall } else { self.now.plus(Span::from_millis(passed / 2)) }
        };
        // An odd millisecond of half speed is left for the next look, or many looks in a row would stand still.
        let spare = if next < by_elapsed && wall < next { passed % 2 } else { 0 };
        self.elapsed = Span::from_millis(elapsed.as_millis() - spare);
        self.now = next.max(self.now);
        self.now
    }

    fn believe(&mut self, offset: i64) {
        self.offset = offset;
        self.ahead = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

    #[test]
    fn time_goes_on_with_the_wall_clock() {
        let clock = Clock::simulated(START);
        clock.advance(Span::from_minutes(90));
        assert_eq!(clock.now(), START.plus(Span::from_minutes(90)));
        assert_eq!(clock.take_jump(), None);
    }

    #[test]
    fn a_clock_set_back_never_runs_backwards_and_never_stops() {
        let clock = Clock::simulated(START);
        clock.set_wall(START.minus(Span::from_minutes(10)));
        assert_eq!(clock.now(), START);
        assert_eq!(clock.take_jump(), Some(Jump { by: Span::from_minutes(10), forward: false }));
        let mut last = START;
        for _ in 0..600 {
            clock.advance(Span::from_millis(1001));
            let now = clock.now();
            assert!(now > last);
            last = now;
        }
        assert_eq!(last, START.plus(Span::from_millis(300_300)), "half speed while it is ahead");
        clock.advance(Span::from_minutes(10));
        clock.advance(Span::from_minutes(10));
        assert_eq!(clock.now(), START.plus(Span::from_millis(10 * 60_000 + 600_600)), "then the wall clock again");
    }

    #[test]
    fn a_clock_set_back_between_two_processes_does_not_stop_time() {
        let clock = Clock::simulated(START);
        let before = START.plus(Span::from_hours(2));
        clock.not_before(before);
        assert_eq!(clock.now(), before);
        clock.advance(Span::from_minutes(10));
        assert_eq!(clock.now(), before.plus(Span::from_minutes(5)), "half speed, as after any step back");
    }

    #[test]
    fn a_jump_forward_is_believed_after_the_grace_only() {
        let clock = Clock::simulated(START);
        clock.set_wall(START.plus(Span::from_hours(8)));
        clock.advance(Span::from_seconds(1));
        assert_eq!(clock.now(), START.plus(Span::from_seconds(1)));
        assert_eq!(clock.take_jump().map(|jump| jump.forward), Some(true));
        clock.advance(Span::from_seconds(60));
        assert_eq!(clock.now(), START.plus(Span::from_seconds(61)));
        assert_eq!(clock.take_jump(), None, "told once");
        clock.advance(Span::from_seconds(60));
        assert_eq!(clock.now(), START.plus(Span::from_hours(8)).plus(Span::from_seconds(121)));
    }

    #[test]
    fn only_more_than_the_limit_is_a_jump() {
        for (by, jumps) in [(JUMP_MAX, false), (Span::from_millis(JUMP_MAX.as_millis() + 1), true)] {
            let clock = Clock::simulated(START);
            clock.set_wall(START.plus(by));
            clock.advance(Span::from_seconds(1));
            let _ = clock.now();
            assert_eq!(clock.take_jump().is_some(), jumps, "{by}");
        }
    }

    #[test]
    fn a_jump_that_is_put_right_within_the_grace_leaves_no_trace() {
        let clock = Clock::simulated(START);
        clock.set_wall(START.plus(Span::from_hours(8)));
        let _ = clock.now();
        clock.set_wall(START.plus(Span::from_seconds(10)));
        clock.advance(Span::from_seconds(1));
        assert_eq!(clock.now(), START.plus(Span::from_seconds(11)));
    }
}
