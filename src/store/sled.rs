//! The index in sled: a database per day, so that retention removes a folder. Values are places in the journal, never content.
//!
//! sled 0.34 can lose or damage what it holds when the power goes, so nothing here is trusted that was not closed: a day that was closed
//! has `day.json`; one that is open has `open` with the boot it was opened in, and outlives a kill, not a reboot. Whatever is not sound
//! is removed together with all later days, and the follower brings it back from the journal.
//!
//! Keys: `a` what the day holds; `i` incident, position; `j` first input judged by a frame; `p` person, time, position; `d` delivery.

mod day;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use self::day::DayState;
use self::day::{DayInfo, OpenDay};
use super::concern::Concern;
use super::{Index, IndexError, JournalReader, Position};
use crate::domain::{DeliveryId, EventId, IncidentId, Seq, Timestamp};
use crate::journal::Record;

/// The index in a directory.
#[derive(Debug)]
pub struct SledIndex {
    dir: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Days that are kept, by name (`2026-11-20`), with what they hold; the open one is as of its last batch.
    days: BTreeMap<String, DayInfo>,
    /// The newest day, to which records are added.
    open: Option<OpenDay>,
    /// Incidents of deliveries on their way, so that few are looked up.
    on_their_way: BTreeMap<DeliveryId, IncidentId>,
    /// A day was removed: nothing may be added before [`SledIndex::resume`], lest the gap be hidden.
    gap: bool,
    /// How often days were removed since they were not sound.
    removals: u64,
}

/// A day of the index, as it looks from outside.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct IndexDay {
    /// `2026-11-20`
    pub day: String,
    /// Whether it can be used. What cannot is removed, and built again from the journal, when callout runs; nothing is lost by it.
    pub state: DayState,
    /// The last record that it knows of, where that can be told from outside.
    pub last: Option<Seq>,
}

/// Looks at the days of the index in `dir`, opening none. `committed`: the journal's last record.
///
/// # Errors
/// When the directory can't be read.
pub fn survey(dir: &Path, committed: Seq) -> Result<Vec<IndexDay>, IndexError> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let look = |day: String| {
        let (state, info) = day::survey(&dir.join(&day));
        let last = info.map(|info| info.last);
        let state = if last.is_some_and(|last| last > committed) { DayState::Ahead } else { state };
        IndexDay { day, state, last }
    };
    Ok(day::names(dir)?.into_iter().map(look).collect())
}

/// Deliveries remembered between order and report. Beyond: older ones are looked up.
const ON_THEIR_WAY_MAX: usize = 100_000;

impl Inner {
    fn applied(&self) -> Seq {
        self.days.values().map(|info| info.last).max().unwrap_or_default()
    }
}

impl SledIndex {
    /// Opens the index in `dir`. What is not sound, or ahead of the journal, is removed; see [`Index::applied`] for what is left.
    ///
    /// # Errors
    /// When the directory can't be read or changed.
    pub fn open(dir: &Path, journal: &dyn JournalReader) -> Result<Self, IndexError> {
        fs::create_dir_all(dir).map_err(day::io("make its directory"))?;
        let mut days = BTreeMap::new();
        let mut sound = true;
        let names = day::names(dir)?;
        for name in names {
            let info = if sound { day::inspect(&dir.join(&name)) } else { None };
            if let Some(info) = info.filter(|info| info.last <= journal.committed()) {
                days.insert(name, info);
            } else {
                sound = false;
                tracing::warn!(day = %name, "a day of the index is not sound; it is built again from the journal");
                fs::remove_dir_all(dir.join(&name)).map_err(day::io("remove a day"))?;
            }
        }
        Ok(Self { dir: dir.to_owned(), inner: Mutex::new(Inner { days, ..Inner::default() }) })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a day was removed since the last [`SledIndex::resume`].
    pub fn has_gap(&self) -> bool {
        self.inner().gap
    }

    /// From here on records are taken again; the next one must be the one behind the answer (or the oldest that there is).
    pub fn resume(&self) -> Seq {
        let mut inner = self.inner();
        inner.gap = false;
        inner.applied()
    }

    /// Writes what is in memory and makes it durable.
    ///
    /// # Errors
    /// When it can't be written; the day is removed then.
    pub fn checkpoint(&self) -> Result<(), IndexError> {
        let mut inner = self.inner();
        let Some(open) = inner.open.as_mut() else { return Ok(()) };
        let (name, done) = (open.name.clone(), open.checkpoint());
        done.inspect_err(|_| self.remove_from(&mut inner, &name))
    }

    /// Closes the open day, so that it is sound whatever happens next.
    ///
    /// # Errors
    /// When it can't be written; the day is removed then.
    pub fn close(&self) -> Result<(), IndexError> {
        self.close_day(&mut self.inner())
    }

    fn close_day(&self, inner: &mut Inner) -> Result<(), IndexError> {
        let Some(open) = inner.open.take() else { return Ok(()) };
        let name = open.name.clone();
        open.close().inspect_err(|_| self.remove_from(inner, &name))
    }

    /// Removes days that are more than `keep` days older than the newest one.
    ///
    /// # Errors
    /// When a folder can't be removed.
    pub fn forget_old(&self, keep: u32) -> Result<(), IndexError> {
        let mut inner = self.inner();
        let Some(newest) = inner.days.keys().next_back().and_then(|name| day::start(name)) else { return Ok(()) };
        let oldest = newest.minus(crate::domain::Span::from_hours(24 * i64::from(keep)));
        let old: Vec<String> =
            inner.days.keys().filter(|name| day::start(name).is_some_and(|start| start < oldest)).cloned().collect();
        for name in old {
            fs::remove_dir_all(self.dir.join(&name)).map_err(day::io("remove a day"))?;
            inner.days.remove(&name);
        }
        Ok(())
    }

    /// Removes a day and all later ones: without it they would hide a gap.
    fn remove_from(&self, inner: &mut Inner, name: &str) {
        if inner.open.as_ref().is_some_and(|open| open.name.as_str() >= name) {
            inner.open = None;
        }
        inner.on_their_way.clear();
        inner.gap = true;
        inner.removals += 1;
        for (name, _) in inner.days.split_off(name) {
            if let Err(error) = fs::remove_dir_all(self.dir.join(&name)) {
                tracing::error!(day = %name, error = %error, "a day of the index that is not sound could not be removed");
            }
        }
    }

    /// The day that a record goes to: its own, but never before the newest one.
    fn day_for(inner: &Inner, at: Timestamp) -> String {
        let day = day::name(at);
        match inner.days.keys().next_back() {
            Some(newest) if *newest > day => newest.clone(),
            _ => day,
        }
    }

    /// Makes `name` the open day.
    fn open_day(&self, inner: &mut Inner, name: &str) -> Result<(), IndexError> {
        if inner.open.as_ref().is_some_and(|open| open.name == name) {
            return Ok(());
        }
        self.close_day(inner)?;
        let info = inner.days.get(name).cloned();
        let open = OpenDay::open_to_write(&self.dir.join(name), name, info.clone());
        let open = open.inspect_err(|_| self.remove_from(inner, name))?;
        inner.days.insert(name.to_owned(), info.unwrap_or_default());
        inner.open = Some(open);
        Ok(())
    }

    /// Asks one day. An error removes it.
    fn ask<R>(
        &self,
        inner: &mut Inner,
        name: &str,
        question: impl Fn(&OpenDay) -> Result<R, IndexError>,
    ) -> Result<R, IndexError> {
        let answer = match &inner.open {
            Some(open) if open.name == name => question(open),
            _ => {
                let info = inner.days.get(name).cloned().unwrap_or_default();
                OpenDay::open_to_read(&self.dir.join(name), name, info).and_then(|day| question(&day))
            }
        };
        answer.inspect_err(|_| self.remove_from(inner, name))
    }

    /// Asks the days that meet `[from, to)`, in order, until `limit` places are found.
    fn within(
        &self,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
        question: impl Fn(&OpenDay, usize) -> Result<Vec<Position>, IndexError>,
    ) -> Result<Vec<Position>, IndexError> {
        let mut inner = self.inner();
        let days = inner.days.iter().filter(|(_, info)| info.times.meets(from.as_millis(), to.as_millis()));
        let days: Vec<String> = days.map(|(name, _)| name.clone()).collect();
        let mut found = Vec::new();
        for name in days {
            let rest = limit - found.len();
            if rest == 0 {
                break;
            }
            found.extend(self.ask(&mut inner, &name, |day| question(day, rest))?);
        }
        Ok(found)
    }

    fn incident_of(&self, inner: &mut Inner, delivery: DeliveryId) -> Result<Option<IncidentId>, IndexError> {
        if let Some(incident) = inner.on_their_way.get(&delivery) {
            return Ok(Some(*incident));
        }
        let days = inner.days.iter().rev().filter(|(_, info)| info.deliveries.holds(delivery.0));
        let days: Vec<String> = days.map(|(name, _)| name.clone()).collect();
        for name in days {
            if let Some(incident) = self.ask(inner, &name, |day| day.delivery(delivery))? {
                return Ok(Some(incident));
            }
        }
        Ok(None)
    }

    /// Adds records of one day.
    fn apply_to_day(&self, inner: &mut Inner, name: &str, records: &[(Position, Record)]) -> Result<(), IndexError> {
        self.open_day(inner, name)?;
        let mut batch = day::Batch::default();
        let mut concerns = Vec::with_capacity(records.len());
        for (position, record) in records {
            let concern = Concern::of(&record.body);
            for (delivery, incident) in &concern.ordered {
                inner.on_their_way.insert(*delivery, *incident);
            }
            concerns.push((*position, record.at, concern));
        }
        for (position, at, mut concern) in concerns {
            for delivery in std::mem::take(&mut concern.deliveries) {
                concern.incidents.extend(self.incident_of(inner, delivery)?);
            }
            batch.add(position, at, &concern);
        }
        while inner.on_their_way.len() > ON_THEIR_WAY_MAX {
            inner.on_their_way.pop_first();
        }
        // A look-up may have found a day unsound and removed this one with it.
        let Some(open) = inner.open.as_mut().filter(|open| open.name == name) else {
            return Err(IndexError::Damaged("a day was removed".to_owned()));
        };
        match open.write(batch) {
            Ok(info) => {
                inner.days.insert(name.to_owned(), info);
                Ok(())
            }
            Err(error) => {
                self.remove_from(inner, name);
                Err(error)
            }
        }
    }
}

impl Index for SledIndex {
    fn apply(&self, records: &[(Position, Record)]) -> Result<(), IndexError> {
        let mut inner = self.inner();
        if inner.gap {
            return Err(IndexError::Damaged("a day was removed".to_owned()));
        }
        let mut rest = records;
        while let Some((_, first)) = rest.first() {
            let name = Self::day_for(&inner, first.at);
            // Days only go forward: what belongs to an earlier one stays with the newest.
            let same = rest.iter().take_while(|(_, record)| day::name(record.at) <= name).count().max(1);
            self.apply_to_day(&mut inner, &name, &rest[..same])?;
            rest = &rest[same..];
        }
        Ok(())
    }

    fn applied(&self) -> Seq {
        self.inner().applied()
    }

    fn incident_positions(&self, incident: IncidentId) -> Result<Vec<Position>, IndexError> {
        let mut inner = self.inner();
        let days = inner.days.iter().filter(|(_, info)| info.incidents.holds(incident.0));
        let days: Vec<String> = days.map(|(name, _)| name.clone()).collect();
        let mut found = Vec::new();
        for name in days {
            found.extend(self.ask(&mut inner, &name, |day| day.incident(incident))?);
        }
        Ok(found)
    }

    fn event_position(&self, event: EventId) -> Result<Option<Position>, IndexError> {
        let mut inner = self.inner();
        let days =
            inner.days.iter().rev().filter(|(_, info)| info.judged.least().is_some_and(|least| least <= event.0));
        let Some(name) = days.map(|(name, _)| name.clone()).next() else { return Ok(None) };
        self.ask(&mut inner, &name, |day| day.judged(event))
    }

    fn person_positions(
        &self,
        person: &str,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Vec<Position>, IndexError> {
        self.within(from, to, limit, |day, rest| day.person(person, from, to, rest))
    }

    fn act_positions(
        &self,
        from: Timestamp,
        to: Timestamp,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Position>, IndexError> {
        self.within(from, to, limit, |day, rest| day.acts(from, to, after, rest))
    }

    fn removals(&self) -> u64 {
        self.inner().removals
    }

    fn delivery_incident(&self, delivery: DeliveryId) -> Result<Option<IncidentId>, IndexError> {
        let mut inner = self.inner();
        self.incident_of(&mut inner, delivery)
    }
}
