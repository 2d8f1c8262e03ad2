//! What must hold for every schedule and every window.

use super::tape::Tape;
use super::*;
use crate::domain::Span;

#[test]
fn shifts_tile_the_line_and_agree_with_points_and_changes() {
    run(|numbers| {
        let mut tape = Tape::new(numbers);
        let schedule = Schedule::new(tape.spec());
        let from = tape.focus_at.minus(Span::from_minutes(i64::from(tape.below(20_000))));
        let to = from.plus(Span::from_minutes(i64::from(tape.below(40_000)) + 1));
        let tiles: Vec<Shift> = schedule.timeline(from, to).collect();

        prop_assert_eq!(tiles.first().map(|shift| shift.start), Some(from));
        prop_assert_eq!(tiles.last().map(|shift| shift.end), Some(to));
        for pair in tiles.windows(2) {
            prop_assert_eq!(pair[0].end, pair[1].start);
            prop_assert!(!pair[0].on_call.same_people(&pair[1].on_call), "neighbours are merged");
            prop_assert_eq!(schedule.next_change(pair[0].start), Some(pair[0].end));
        }
        for tile in &tiles {
            prop_assert!(tile.start < tile.end);
            prop_assert_eq!(&schedule.on_call(tile.start), &tile.on_call);
            let last = Timestamp::from_millis(tile.end.as_millis() - 1);
            prop_assert!(schedule.on_call(last).same_people(&tile.on_call));
        }
        let held: Vec<Shift> = tiles.into_iter().filter(|shift| !shift.on_call.is_empty()).collect();
        prop_assert_eq!(&schedule.shifts(from, to), &held);

        // Any part of the window says the same as the whole of it.
        let middle = Timestamp::from_millis(i64::midpoint(from.as_millis(), to.as_millis()));
        let halves = [schedule.shifts(from, middle), schedule.shifts(middle, to)].concat();
        let cut = |shift: &Shift| {
            let left = (shift.start < middle).then(|| (shift.start, shift.end.min(middle)));
            let right = (shift.end > middle).then(|| (shift.start.max(middle), shift.end));
            [left, right].into_iter().flatten().collect::<Vec<_>>()
        };
        let cuts: Vec<_> = held.iter().flat_map(cut).collect();
        prop_assert_eq!(halves.iter().map(|shift| (shift.start, shift.end)).collect::<Vec<_>>(), cuts);
        Ok(())
    });
}

#[test]
fn answers_say_since_when_and_until_when() {
    run(|numbers| {
        let mut tape = Tape::new(numbers);
        let schedule = Schedule::new(tape.spec());
        let now = tape.focus_at.plus(Span::from_minutes(i64::from(tape.below(2_000))));
        let on_call = schedule.on_call(now);
        for (number, answer) in schedule.explain(now).into_iter().enumerate() {
            let users = |t| schedule.on_call(t).by_role().nth(number).map(|(_, users)| users.to_vec()).unwrap();
            prop_assert_eq!(&answer.users, &users(now));
            prop_assert_eq!(answer.role.as_ref(), on_call.by_role().nth(number).and_then(|(role, _)| role));
            prop_assert_eq!(&schedule.answer(answer.role.as_deref(), now), &answer);
            let year = Span::from_hours(400 * 24);
            let since = answer.since.unwrap_or(now.minus(year));
            let until = answer.until.unwrap_or(now.plus(year));
            prop_assert!(since <= now && now < until);
            for shift in schedule.timeline(since, until) {
                prop_assert_eq!(&users(shift.start), &answer.users, "{:?} at {}", answer, shift.start);
            }
            if let Some(since) = answer.since {
                prop_assert_ne!(&users(Timestamp::from_millis(since.as_millis() - 1)), &answer.users);
            }
            if let Some(until) = answer.until {
                prop_assert_ne!(&users(until), &answer.users);
            }
        }
        Ok(())
    });
}

#[test]
fn a_schedule_is_the_same_whichever_way_it_got_its_overrides() {
    run(|numbers| {
        let mut tape = Tape::new(numbers);
        let spec = tape.spec();
        let bare = Schedule::new(ScheduleSpec { overrides: Vec::new(), ..spec.clone() });
        let (from, to) = (tape.focus_at.minus(Span::from_hours(40)), tape.focus_at.plus(Span::from_hours(40)));
        let changed = bare.with_overrides(spec.overrides.clone());
        prop_assert_eq!(changed.spec(), &spec);
        prop_assert_eq!(changed.shifts(from, to), Schedule::new(spec).shifts(from, to));
        Ok(())
    });
}
