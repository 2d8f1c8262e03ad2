//! Samples on their way in: checked, told apart from repeats, folded to one row for each source, minute and part, written with the round.
//!
//! A sample is refused by itself; the others of a request are kept. What depends on the clock and the configuration is checked before
//! the shard is asked, what depends on earlier samples when the round is put together.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::core::Core;
use super::handle::{Handle, Refused, Request};
use crate::domain::{
    Feed, FeedReadings, MINUTE_TOTAL_MAX, ReadingBatch, ReadingGroup, Sample, SampleBatch, SampleRow, Span, Timestamp,
    minute_end,
};
use crate::engine::levels::Place;
use crate::engine::{Policy, limits};
use crate::slo::Counts;

/// Samples of a round, after which it takes in no further request. Beyond: requests wait for the next round.
pub const ROUND_SAMPLES_MAX: usize = 65_536;
/// Samples of one request at most. Beyond: 413 `too-many-events`.
pub const REQUEST_SAMPLES_MAX: usize = 50_000;

/// What became of one sample that is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is new.
    Stored,
    /// It took the place of what was sent before.
    Replaced,
    /// The same was sent before; nothing changed.
    Repeated,
    /// It came too late to be judged in its minute; it counts in every window that still holds it.
    Late,
}

/// Why one sample was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SampleRefused {
    /// More good events than events.
    #[error("{good} of {total} events are good, which is more than all")]
    GoodAboveTotal { good: u64, total: u64 },
    /// No service has so many.
    #[error("{0} events in one minute are more than {MINUTE_TOTAL_MAX}")]
    TooMany(u64),
    /// Its minute ends too far ahead.
    #[error(
        "its minute ends {ahead} after callout's clock; at most {} are accepted, so one of the two clocks is wrong",
        limits::SAMPLE_SKEW
    )]
    Future { ahead: Span },
    /// It is too old to be told from a repeat.
    #[error(
        "its minute ended {late} ago; after {} a source may only go on from the last minute that it sent",
        limits::SAMPLE_LATENESS
    )]
    TooLate { late: Span },
    /// No such service in the configuration.
    #[error("no service `{0}` is configured")]
    UnknownService(String),
    /// The same part was sent with other counts.
    #[error(
        "{bad} bad of {total} were sent before for this source, minute and part; mark it as a correction to replace them"
    )]
    Conflict { bad: u64, total: u64 },
    /// There are too many series.
    #[error("there are {} series already", limits::SERIES_MAX)]
    TooManySeries,
    /// The series has too many sources.
    #[error("the series has {} sources already", limits::FEEDS_PER_SERIES_MAX)]
    TooManySources,
    /// There are too many counters, or too many that count for the same.
    #[error(
        "there are too many counters already: at most {} in all, {} that count for the same",
        limits::COUNTERS_MAX,
        limits::COUNTERS_PER_FEED_MAX
    )]
    TooManyCounters,
}

/// What became of the samples of a request, in their order.
pub type SamplesAnswer = Vec<Result<Taken, SampleRefused>>;

/// What became of the readings of a request, feed by feed: how many of them were refused, and why.
pub type ReadingsAnswer = Vec<Option<(usize, SampleRefused)>>;

impl Handle {
    /// Makes samples durable: returns after the sync, with what became of each, in order. Refused samples change nothing.
    ///
    /// # Errors
    /// When nothing was written; see [`Refused`].
    pub async fn accept_samples(&self, samples: Vec<Sample>) -> Result<SamplesAnswer, Refused> {
        let (now, policy) = (self.now(), self.policy());
        let mut answer: SamplesAnswer = Vec::with_capacity(samples.len());
        let mut good = Vec::with_capacity(samples.len());
        for sample in samples {
            let checked = check(&sample, &policy, now);
            if checked.is_ok() {
                good.push(sample);
            }
            answer.push(checked.map(|()| Taken::Stored));
        }
        if !good.is_empty() {
            let taken = self.ask(|reply| Request::Samples { samples: good, now, reply }).await?;
            let places = answer.iter_mut().filter(|place| place.is_ok());
            places.zip(taken).for_each(|(place, taken)| *place = taken);
        }
        let refused = answer.iter().filter(|sample| sample.is_err()).count();
        self.shared.counters.samples.add((answer.len() - refused) as u64);
        self.shared.counters.samples_refused.add(refused as u64);
        Ok(answer)
    }
}

impl Handle {
    /// Makes readings of counters durable: returns after the sync, with what was refused of each feed, in order.
    ///
    /// # Errors
    /// When nothing was written; see [`Refused`].
    pub async fn accept_readings(&self, readings: Vec<FeedReadings>) -> Result<ReadingsAnswer, Refused> {
        if readings.is_empty() {
            return Ok(Vec::new());
        }
        self.ask(|reply| Request::Readings { readings, reply }).await
    }
}

/// What can be said of a sample without knowing others.
fn check(sample: &Sample, policy: &Policy, now: Timestamp) -> Result<(), SampleRefused> {
    let Sample { good, total, .. } = *sample;
    if good > total {
        return Err(SampleRefused::GoodAboveTotal { good, total });
    }
    if total > MINUTE_TOTAL_MAX {
        return Err(SampleRefused::TooMany(total));
    }
    let ahead = minute_end(sample.minute).since(now);
    if ahead > limits::SAMPLE_SKEW {
        return Err(SampleRefused::Future { ahead });
    }
    let service = &sample.feed.series.service;
    if policy.services.contains_key(service) {
        Ok(())
    } else {
        Err(SampleRefused::UnknownService(service.chars().take(64).collect()))
    }
}

/// Who waits for the sync, and what is to be answered then.
#[derive(Debug)]
struct Waiting<A> {
    answer: A,
    reply: oneshot::Sender<Result<A, Refused>>,
}

/// The samples of one round.
#[derive(Debug, Default)]
pub(super) struct SampleRound {
    batch: SampleBatch,
    waiting: Vec<Waiting<SamplesAnswer>>,
    readings: ReadingBatch,
    readings_held: usize,
    readers: Vec<Waiting<ReadingsAnswer>>,
    /// Rows by feed, minute and part.
    rows: HashMap<(u32, i64, Option<u32>), usize>,
    /// Feeds that are new in this round.
    feeds: HashMap<Arc<Feed>, u32>,
}

impl SampleRound {
    /// Whether no further request should join.
    pub fn is_full(&self) -> bool {
        self.batch.rows.len() + self.readings_held >= ROUND_SAMPLES_MAX
    }

    /// Takes in the samples of a request.
    pub fn add(
        &mut self,
        samples: &[Sample],
        now: Timestamp,
        reply: oneshot::Sender<Result<SamplesAnswer, Refused>>,
        core: &dyn Core,
    ) {
        let answer = samples.iter().map(|sample| self.put(sample, now, core)).collect();
        self.waiting.push(Waiting { answer, reply });
    }

    fn put(&mut self, sample: &Sample, now: Timestamp, core: &dyn Core) -> Result<Taken, SampleRefused> {
        let levels = &core.state().levels;
        let known = levels.feed(&sample.feed).or_else(|| self.feeds.get(&sample.feed).copied());
        let feed = match known {
            Some(feed) => feed,
            None => self.new_feed(&sample.feed, core)?,
        };
        let (minute, part) = (sample.minute, sample.part);
        let counts = Counts { bad: sample.total - sample.good, total: sample.total };
        let row = SampleRow { feed, minute, part, bad: counts.bad, total: counts.total };
        let in_round = self.rows.get(&(feed, minute, part)).copied();
        let place = match in_round {
            Some(at) => {
                let SampleRow { bad, total, .. } = self.batch.rows[at];
                Place::Taken(Counts { bad, total })
            }
            None => levels.place(feed, minute, part, now),
        };
        let taken = match place {
            Place::Free if minute_end(minute).plus(limits::SAMPLE_LATENESS) < now => Taken::Late,
            Place::Free => Taken::Stored,
            Place::Taken(there) if there == counts => return Ok(Taken::Repeated),
            Place::Taken(Counts { bad, total }) if part.is_some() && !sample.correction => {
                return Err(SampleRefused::Conflict { bad, total });
            }
            Place::Taken(_) => Taken::Replaced,
            Place::Gone => return Err(SampleRefused::TooLate { late: now.since(minute_end(minute)) }),
        };
        if let Some(at) = in_round {
            self.batch.rows[at] = row;
        } else {
            self.rows.insert((feed, minute, part), self.batch.rows.len());
            self.batch.rows.push(row);
        }
        Ok(taken)
    }

    /// Takes in the readings of a request.
    pub fn add_readings(
        &mut self,
        readings: Vec<FeedReadings>,
        reply: oneshot::Sender<Result<ReadingsAnswer, Refused>>,
        core: &dyn Core,
    ) {
        let answer = readings.into_iter().map(|group| self.put_readings(group, core)).collect();
        self.readers.push(Waiting { answer, reply });
    }

    fn put_readings(&mut self, group: FeedReadings, core: &dyn Core) -> Option<(usize, SampleRefused)> {
        let FeedReadings { feed, mut readings } = group;
        let sent = readings.len();
        let known = core.state().levels.feed(&feed).or_else(|| self.feeds.get(&feed).copied());
        let feed = match known.map_or_else(|| self.new_feed(&feed, core), Ok) {
            Ok(feed) => feed,
            Err(refused) => return Some((sent, refused)),
        };
        let counters = &core.state().counters;
        readings.retain(|reading| counters.has_room(feed, reading.counter));
        let refused = sent - readings.len();
        self.readings_held += readings.len();
        if !readings.is_empty() {
            self.readings.groups.push(ReadingGroup { feed, readings });
        }
        (refused > 0).then_some((refused, SampleRefused::TooManyCounters))
    }

    fn new_feed(&mut self, feed: &Arc<Feed>, core: &dyn Core) -> Result<u32, SampleRefused> {
        let levels = &core.state().levels;
        let series = &feed.series;
        let new_here = self.batch.new_feeds.iter().filter(|(_, other)| other.series == *series);
        let is_new_series = !levels.directory.series.contains_key(series);
        if is_new_series && !has_room(levels.series.len(), self.batch.new_feeds.len()) {
            return Err(SampleRefused::TooManySeries);
        }
        if levels.feeds_of(series) + new_here.count() >= limits::FEEDS_PER_SERIES_MAX {
            return Err(SampleRefused::TooManySources);
        }
        let number = levels.directory.last_feed + u32::try_from(self.batch.new_feeds.len()).unwrap_or(u32::MAX) + 1;
        self.batch.new_feeds.push((number, Arc::clone(feed)));
        self.feeds.insert(Arc::clone(feed), number);
        Ok(number)
    }

    /// The record, if there is anything to write.
    pub fn seal(&mut self) -> Option<SampleBatch> {
        let is_empty = self.batch.rows.is_empty() && self.batch.new_feeds.is_empty();
        (!is_empty).then(|| std::mem::take(&mut self.batch))
    }

    /// The record of readings, if there are any. To be written behind that of the samples.
    pub fn seal_readings(&mut self) -> Option<ReadingBatch> {
        (!self.readings.groups.is_empty()).then(|| std::mem::take(&mut self.readings))
    }

    /// Answers who waits for the sync.
    pub fn answer(&mut self) {
        for Waiting { answer, reply } in self.readers.drain(..) {
            let _ = reply.send(Ok(answer));
        }
        for Waiting { answer, reply } in self.waiting.drain(..) {
            // Whoever went away without waiting has nothing to hear; the samples are on the disk all the same.
            let _ = reply.send(Ok(answer));
        }
    }

    /// Refuses the samples of this round. Gives the number of refused requests.
    pub fn refuse(&mut self, why: &Refused) -> u64 {
        let refused = (self.waiting.len() + self.readers.len()) as u64;
        for Waiting { reply, .. } in self.readers.drain(..) {
            let _ = reply.send(Err(why.clone()));
        }
        for Waiting { reply, .. } in self.waiting.drain(..) {
            let _ = reply.send(Err(why.clone()));
        }
        refused
    }
}

/// Whether a further series can be known beside those that are and those that are about to be.
const fn has_room(known: usize, new: usize) -> bool {
    known + new < limits::SERIES_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Name, SeriesKey};
    use crate::engine::Input;
    use crate::journal::RecordBody;
    use crate::runtime::tests::{START, running_with_services};
    use crate::store::MemoryJournal;

    fn records(journal: &MemoryJournal) -> usize {
        let is_samples = |body: &RecordBody| matches!(body, RecordBody::Input(i) if matches!(**i, Input::Samples(_)));
        crate::runtime::tests::bodies(journal).iter().filter(|body| is_samples(body)).count()
    }

    fn sample(source: &str, minutes_ago: i64, good: u64, total: u64) -> Sample {
        let series = SeriesKey {
            service: Name::const_new("shop"),
            sli: Name::const_new("availability"),
            endpoint: None,
            environment: None,
            region: None,
            threshold: None,
        };
        let feed = Arc::new(Feed { series, source: source.into() });
        let minute = crate::domain::minute_over(START) - minutes_ago;
        Sample { feed, minute, part: None, good, total, correction: false }
    }

    #[tokio::test]
    async fn each_sample_gets_its_answer() {
        let journal = MemoryJournal::new();
        let (handle, running) = running_with_services(&journal, &["shop"]);
        let part = |part, good, correction| Sample { part: Some(part), correction, ..sample("b", 1, good, 10) };
        let cases = [
            ("new", sample("a", 1, 9, 10), Ok(Taken::Stored)),
            ("again", sample("a", 1, 9, 10), Ok(Taken::Repeated)),
            ("grown", sample("a", 1, 19, 20), Ok(Taken::Replaced)),
            ("a part", part(1, 9, false), Ok(Taken::Stored)),
            ("another", part(2, 9, false), Ok(Taken::Stored)),
            ("the same part", part(1, 9, false), Ok(Taken::Repeated)),
            ("other counts", part(1, 8, false), Err(SampleRefused::Conflict { bad: 1, total: 10 })),
            ("corrected", part(1, 8, true), Ok(Taken::Replaced)),
            ("at the edge", sample("c", 10, 1, 1), Ok(Taken::Stored)),
            ("a backlog", sample("d", 90, 1, 1), Ok(Taken::Late)),
            ("going on", sample("d", 89, 1, 1), Ok(Taken::Late)),
            ("its last again", sample("d", 89, 1, 1), Ok(Taken::Repeated)),
            ("before that", sample("d", 91, 1, 1), Err(SampleRefused::TooLate { late: Span::from_minutes(91) })),
            ("a little ahead", sample("e", -2, 1, 1), Ok(Taken::Stored)),
            ("ahead", sample("e", -3, 1, 1), Err(SampleRefused::Future { ahead: Span::from_minutes(3) })),
            ("too good", sample("a", 1, 2, 1), Err(SampleRefused::GoodAboveTotal { good: 2, total: 1 })),
        ];
        for (what, sample, expected) in &cases {
            let answer = handle.accept_samples(vec![sample.clone()]).await.unwrap();
            assert_eq!(answer, std::slice::from_ref(expected), "{what}");
        }
        // The same in one request, and therefore in one round.
        let feed = |sample: &Sample| {
            let series = SeriesKey { sli: Name::const_new("latency"), ..sample.feed.series.clone() };
            Sample { feed: Arc::new(Feed { series, source: sample.feed.source.clone() }), ..sample.clone() }
        };
        let together = cases.iter().filter(|(what, ..)| *what != "before that" && *what != "going on");
        let (samples, expected): (Vec<_>, Vec<_>) = together.map(|(_, s, e)| (feed(s), e.clone())).unzip();
        let before = records(&journal);
        let answer = handle.accept_samples(samples).await.unwrap();
        assert_eq!(answer.len(), expected.len());
        assert_eq!(answer[..9], expected[..9]);
        running.stop().await.unwrap();
        assert_eq!(records(&journal), before + 1, "all rows of a round are one record");
    }

    #[tokio::test]
    async fn a_service_that_nobody_configured_is_refused_and_its_neighbour_is_kept() {
        let journal = MemoryJournal::new();
        let (handle, running) = running_with_services(&journal, &["shop"]);
        let mut stray = sample("a", 1, 1, 1);
        let series = SeriesKey { service: Name::const_new("shed"), ..stray.feed.series.clone() };
        stray.feed = Arc::new(Feed { series, source: Name::default() });
        let answer = handle.accept_samples(vec![stray, sample("a", 1, 1, 1)]).await.unwrap();
        assert_eq!(answer, [Err(SampleRefused::UnknownService("shed".into())), Ok(Taken::Stored)]);
        running.stop().await.unwrap();
    }

    #[tokio::test]
    async fn nothing_is_kept_of_samples_that_cannot_be_written() {
        let journal = MemoryJournal::new();
        let (handle, running) = running_with_services(&journal, &["shop"]);
        journal.set_full(Some(crate::store::Room::Ordinary));
        assert!(matches!(handle.accept_samples(vec![sample("a", 1, 1, 1)]).await, Err(Refused::Journal(_))));
        journal.set_full(None);
        let answer = handle.accept_samples(vec![sample("a", 1, 1, 1)]).await.unwrap();
        assert_eq!(answer, [Ok(Taken::Stored)]);
        running.stop().await.unwrap();
    }

    #[tokio::test]
    async fn a_minute_holds_so_many_events_and_a_series_so_many_sources() {
        let (handle, running) = running_with_services(&MemoryJournal::new(), &["shop"]);
        for (total, expected) in [
            (MINUTE_TOTAL_MAX, Ok(Taken::Stored)),
            (MINUTE_TOTAL_MAX + 1, Err(SampleRefused::TooMany(MINUTE_TOTAL_MAX + 1))),
        ] {
            assert_eq!(handle.accept_samples(vec![sample("0", 1, 0, total)]).await.unwrap(), [expected]);
        }
        let sources = (0..=limits::FEEDS_PER_SERIES_MAX).map(|n| sample(&n.to_string(), 0, 0, 1)).collect();
        let answer = handle.accept_samples(sources).await.unwrap();
        let (last, others) = answer.split_last().unwrap();
        assert!(others.iter().all(|one| *one == Ok(Taken::Stored)), "{others:?}");
        assert_eq!(*last, Err(SampleRefused::TooManySources));
        running.stop().await.unwrap();
    }

    #[test]
    fn series_and_rounds_have_limits() {
        assert!(has_room(limits::SERIES_MAX - 1, 0) && has_room(0, limits::SERIES_MAX - 1));
        assert!(!has_room(limits::SERIES_MAX, 0) && !has_room(limits::SERIES_MAX - 1, 1));
        let mut round = SampleRound::default();
        let row = SampleRow { feed: 1, minute: 0, part: None, bad: 0, total: 1 };
        round.batch.rows = vec![row; ROUND_SAMPLES_MAX - 1];
        assert!(!round.is_full());
        round.readings_held = 1;
        assert!(round.is_full(), "readings count too");
        round.readings_held = 0;
        round.batch.rows.push(row);
        assert!(round.is_full());
    }
}
