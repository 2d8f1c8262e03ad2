use super::super::coverage::{double_booked, holes, never_serves, people};
use super::*;

fn by_hours(turns: &str, from: i8, to: i8) -> Layer {
    let time = |hour| jiff::civil::time(hour, 0, 0, 0);
    let hours = Restriction::Daily { days: Vec::new(), from: time(from), to: Some(time(to)) };
    Layer { restrictions: vec![hours], ..layer(turns, every(1, RotationUnit::Day), "2026-01-01T00:00") }
}

#[test]
fn holes_are_listed_with_their_instants() {
    let schedule = Schedule::new(spec("Europe/Berlin", vec![by_hours("ana bo", 8, 16)]));
    let found = holes(&schedule, at("2026-03-28T12:00:00Z"), at("2026-03-29T12:00:00Z"));
    // 16:00 CET to 08:00 CEST: fifteen hours over the change of the clock.
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].start, found[0].end), (at("2026-03-28T15:00:00Z"), at("2026-03-29T06:00:00Z")));
    assert_eq!(found[0].role, None);
    let covered = Schedule::new(spec("Europe/Berlin", vec![by_hours("ana", 8, 16), by_hours("bo", 16, 8)]));
    assert_eq!(holes(&covered, at("2026-01-05T00:00:00Z"), at("2027-01-05T00:00:00Z")), []);
}

#[test]
fn a_first_role_without_anybody_is_a_hole_of_that_role() {
    let mut main = by_hours("ana", 8, 16);
    main.roles = Some(names("main"));
    let mut backup = by_hours("bo", 6, 20);
    backup.roles = Some(names("backup"));
    let schedule = Schedule::new(ScheduleSpec { roles: names("main backup"), ..spec("UTC", vec![main, backup]) });
    let found = holes(&schedule, at("2026-05-01T00:00:00Z"), at("2026-05-02T00:00:00Z"));
    let listed: Vec<_> = found.iter().map(|h| (h.start.to_string(), h.end.to_string(), h.role.as_deref())).collect();
    let day = |hour: &str| format!("2026-05-01T{hour}:00:00Z");
    assert_eq!(
        listed,
        [
            (day("00"), day("06"), None),
            (day("06"), day("08"), Some("main")),
            (day("16"), day("20"), Some("main")),
            (day("20"), "2026-05-02T00:00:00Z".to_owned(), None),
        ]
    );
}

#[test]
fn a_person_in_two_roles_at_once_is_found_with_the_time() {
    let mut main = by_hours("ana", 8, 16);
    main.roles = Some(names("main"));
    let mut backup = layer("bo ana", every(1, RotationUnit::Day), "2026-05-01T00:00");
    backup.roles = Some(names("backup"));
    let schedule = Schedule::new(ScheduleSpec { roles: names("main backup"), ..spec("UTC", vec![main, backup]) });
    let found = double_booked(&schedule, at("2026-05-01T00:00:00Z"), at("2026-05-04T00:00:00Z"));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].person.as_str(), &found[0].roles), ("ana", &names("main backup")));
    assert_eq!((found[0].start, found[0].end), (at("2026-05-02T08:00:00Z"), at("2026-05-02T16:00:00Z")));
}

#[test]
fn who_only_has_turns_outside_of_the_hours_never_serves() {
    let weekdays = (0..5).map(|day| Weekday::from_monday_zero_offset(day).unwrap()).collect();
    let midnight = jiff::civil::time(0, 0, 0, 0);
    let mut week = layer("a b c d e f g", every(1, RotationUnit::Day), "2026-01-05T00:00");
    week.restrictions = vec![Restriction::Daily { days: weekdays, from: midnight, to: None }];
    let mut over = layer("gone", Rotation::None, "2025-01-01T00:00");
    over.end = Some(civil("2025-06-01T00:00"));
    let schedule = Schedule::new(spec("UTC", vec![over, week]));
    let (from, to) = (at("2026-02-01T00:00:00Z"), at("2027-02-01T00:00:00Z"));
    assert_eq!(never_serves(&schedule, from, to).into_iter().collect::<Vec<_>>(), names("f g"));

    let change = Override { start: from, end: to, kind: OverrideKind::Swap("f".into(), "a".into()), role: None };
    let swapped = schedule.with_overrides(vec![change]);
    assert_eq!(never_serves(&swapped, from, to).into_iter().collect::<Vec<_>>(), names("a g"));
    assert_eq!(people(&swapped).into_iter().collect::<Vec<_>>(), names("a b c d e f g gone"));
}
