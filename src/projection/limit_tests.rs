//! How far look-ups look: each limit at its edge and one past it.

use std::sync::Arc;

use super::budgets::{PERIODS_MAX, periods};
use super::history::{History, JUDGED_WITHIN, PAGE_AFTER, PAGES_MAX, RECORDS_MAX};
use super::rotations::{HOLES_NAMED_MAX, rotations};
use crate::domain::{
    DeliveryId, EventId, Feed, IncidentId, SampleBatch, SampleRow, Seq, SeriesKey, Span, Timestamp, minute_end,
    minute_over,
};
use crate::engine::stand_in::Rota;
use crate::engine::{Decision, Engine, Input, State, Transition};
use crate::journal::{Record, RecordBody};
use crate::rules::{Because, RuleKind};
use crate::store::{Entry, Index, IndexError, Journal as _, JournalReader, MemoryJournal, Position, Room};

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// An index that knows everything, and answers by reading the journal.
struct All<'a>(&'a dyn JournalReader);

impl All<'_> {
    fn positions(&self, wanted: impl Fn(&Record) -> bool) -> Vec<Position> {
        let all = self.0.read_from(Seq(1)).map(Result::unwrap);
        all.filter(|(_, record)| wanted(record)).map(|(position, _)| position).collect()
    }
}

impl Index for All<'_> {
    fn apply(&self, _: &[(Position, Record)]) -> Result<(), IndexError> {
        Ok(())
    }

    fn applied(&self) -> Seq {
        self.0.committed()
    }

    fn incident_positions(&self, _: IncidentId) -> Result<Vec<Position>, IndexError> {
        Ok(self.positions(|record| matches!(record.body, RecordBody::Decision(_))))
    }

    fn event_position(&self, _: EventId) -> Result<Option<Position>, IndexError> {
        Ok(None)
    }

    fn person_positions(
        &self,
        _: &str,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Vec<Position>, IndexError> {
        let mut found = self.positions(|record| from <= record.at && record.at < to);
        found.truncate(limit);
        Ok(found)
    }

    fn act_positions(&self, _: Timestamp, _: Timestamp, _: Seq, _: usize) -> Result<Vec<Position>, IndexError> {
        Ok(Vec::new())
    }

    fn delivery_incident(&self, _: DeliveryId) -> Result<Option<IncidentId>, IndexError> {
        Ok(None)
    }
}

fn journal(entries: impl IntoIterator<Item = Entry>) -> MemoryJournal {
    let mut journal = MemoryJournal::new();
    journal.commit(&entries.into_iter().collect::<Vec<_>>(), Room::Ordinary).unwrap();
    journal
}

/// Ana is paged for an incident.
fn paged(at: Timestamp, incident: u64) -> Entry {
    let incident = IncidentId(incident);
    let paged = Transition::PeoplePaged { incident, people: vec!["ana".into()] };
    let mut decision = Decision { transitions: vec![paged], ..Decision::default() };
    decision.trace.say(Some(incident), RuleKind::Alarm, Because::Alarm { text: format!("word {incident}").into() });
    Entry::new(at, RecordBody::Decision(Arc::new(decision)))
}

fn event() -> Entry {
    let event = crate::rules::dedup::tests::event(&[("service", "api")]);
    Entry::new(START, RecordBody::Input(Arc::new(Input::Event(Arc::new(event)))))
}

fn later(seconds: i64) -> Timestamp {
    START.plus(Span::from_seconds(seconds))
}

#[test]
fn the_decision_about_an_event_is_looked_for_within_so_many_records() {
    for (between, found) in [(JUDGED_WITHIN - 2, true), (JUDGED_WITHIN - 1, false)] {
        let nothing = || Entry::new(START, RecordBody::Decision(Arc::default()));
        let mut judged = Decision { transitions: vec![Transition::Judged { input: Seq(1) }], ..Decision::default() };
        judged.trace.say(None, RuleKind::Alarm, Because::Alarm { text: "word".into() });
        let mut entries = vec![event()];
        entries.extend((0..between).map(|_| nothing()));
        entries.push(Entry::new(later(9), RecordBody::Decision(Arc::new(judged))));
        let journal = journal(entries);
        let reader = journal.reader();
        let explained = History { journal: &*reader, index: None }.event(EventId(1)).unwrap().unwrap();
        let text = serde_json::to_string(&explained).unwrap();
        assert_eq!(text.contains(&later(9).to_string()), found, "{text}");
    }
}

#[test]
fn a_page_is_found_a_little_after_the_time_asked_for() {
    let just_before = PAGE_AFTER.as_millis() - 1;
    for (millis, found) in [(just_before, true), (just_before + 1, false)] {
        let journal = journal([paged(START.plus(Span::from_millis(millis)), 1)]);
        let reader = journal.reader();
        let page = History { journal: &*reader, index: None }.page("ana", START).unwrap();
        assert_eq!(page.is_some(), found);
    }
}

#[test]
fn the_newest_page_is_found_behind_however_many() {
    for count in [PAGES_MAX - 1, PAGES_MAX, PAGES_MAX + 1, 2 * PAGES_MAX + 7] {
        let journal = journal((1..=count as u64).map(|n| paged(later(i64::try_from(n).unwrap()), n)));
        let reader = journal.reader();
        let index = All(&*reader);
        let history = History { journal: &*reader, index: Some(&index) };
        let page = history.page("ana", later(i64::try_from(count).unwrap())).unwrap().unwrap();
        assert!(serde_json::to_string(&page).unwrap().contains(&format!("word {count}\"")), "{count}");
    }
}

#[test]
fn an_explanation_looks_at_the_first_record_and_the_newest() {
    for (count, second) in [(RECORDS_MAX, true), (RECORDS_MAX + 1, true), (RECORDS_MAX + 2, false)] {
        let at = |n: usize| later(i64::try_from(n).unwrap());
        let words = |n: usize| {
            let mut decision = Decision::default();
            let text = format!("word {n}.").into();
            decision.trace.say(Some(IncidentId(1)), RuleKind::Alarm, Because::Alarm { text });
            Entry::new(at(n), RecordBody::Decision(Arc::new(decision)))
        };
        let journal = journal((1..=count).map(words));
        let reader = journal.reader();
        let index = All(&*reader);
        let history = History { journal: &*reader, index: Some(&index) };
        let text = serde_json::to_string(&history.incident(IncidentId(1)).unwrap().unwrap()).unwrap();
        let has = |n: usize| text.contains(&format!("word {n}."));
        assert_eq!((has(1), has(2), has(count)), (true, second, true), "{count}");
    }
}

#[test]
fn so_many_periods_are_looked_back_on() {
    let config = "[organisation]\nname = \"acme\"\nfallback = \"ops\"\n[teams.ops]\n[services.api]\nteam = \"ops\"\n\
        [[services.api.slo]]\nname = \"answers\"\nsli = \"availability\"\nobjective = \"99%\"\nperiod = \"7d\"\n";
    let report = crate::config::load_texts([("callout.toml", config)], START);
    let policy = report.loaded.clone().unwrap_or_else(|| panic!("{}", report.render(false))).policy;
    let most = usize::try_from(PERIODS_MAX).unwrap();
    for (count, told) in [(most - 1, most - 1), (most, most), (most + 1, most)] {
        let mut engine = Engine::from_state(State::default(), Arc::clone(&policy));
        let series = SeriesKey {
            service: "api".into(),
            sli: "availability".into(),
            endpoint: None,
            environment: None,
            region: None,
            threshold: None,
        };
        let feed = Arc::new(Feed { series, source: "a".into() });
        let days = 7 * i64::try_from(count).unwrap();
        let mut now = START;
        for day in 0..=days {
            // The first a little after its period began, so that it is the last one back.
            let minute = minute_over(START) + day * 1_440 + i64::from(day == 0);
            let new_feeds = if day == 0 { vec![(1, Arc::clone(&feed))] } else { Vec::new() };
            let rows = vec![SampleRow { feed: 1, minute, part: None, bad: 0, total: 100 }];
            now = minute_end(minute);
            let seq = Seq(u64::try_from(day).unwrap() + 1);
            engine.accept(seq, now, Arc::new(Input::Samples(Arc::new(SampleBatch { new_feeds, rows }))));
            engine.judge(seq, now);
        }
        let levels = &engine.state().levels;
        let level = levels.index.levels.first().expect("the SLO has a level");
        assert_eq!(periods(level, levels, now).len(), told);
    }
}

#[test]
fn so_many_holes_of_a_rotation_are_named() {
    let config = "[organisation]\nname = \"acme\"\ntimezone = \"UTC\"\nfallback = \"ops\"\n[teams.ops]\nmembers = [\"ana\"]\n\
        [people]\nana = { name = \"Ana\", email = \"ana@acme.example\" }\n[channels.email.main]\nsmtp = \"smtps://mail.acme.example:465\"\n\
        from = \"callout@acme.example\"\n[schedules.ops]\nteam = \"ops\"\n[[schedules.ops.layers]]\nusers = [\"ana\"]\nrotate = \"weekly\"\nstart = 2026-11-02T00:00:00\n\
        hours = [\"Mon-Sun 08:00-16:00\"]\n";
    let report = crate::config::load_texts([("callout.toml", config)], START);
    let policy = report.loaded.clone().unwrap_or_else(|| panic!("{}", report.render(false))).policy;
    // It is eight in the morning, and every night is a hole.
    for (nights, named) in [(HOLES_NAMED_MAX, HOLES_NAMED_MAX), (HOLES_NAMED_MAX + 1, HOLES_NAMED_MAX)] {
        let to = START.plus(Span::from_hours(24 * i64::try_from(nights).unwrap()));
        let rows = rotations(&policy, &Rota::default(), Some("ops"), START, to, 1_000).unwrap();
        assert_eq!((rows[0].holes, rows[0].first_holes.len()), (nights as u64, named));
    }
}
