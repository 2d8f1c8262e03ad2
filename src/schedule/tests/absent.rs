use super::*;
use crate::schedule::{Away, Live, WhenAbsent};

fn instant(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// a, b and c by the day from 1 January; a is away on the 1st and the 4th from noon on, b on the 1st.
fn schedule(roles: &str, away: &[(&str, &str, &str)]) -> Schedule {
    let daily = layer("a b c", every(1, RotationUnit::Day), "2026-01-01T00:00");
    let live = Live { absent: WhenAbsent::Next, ..Live::default() };
    let spec = ScheduleSpec { roles: names(roles), live, ..spec("UTC", vec![daily]) };
    let mut known = Away::new();
    for (name, from, to) in away {
        known.entry((*name).into()).or_default().push((instant(from), instant(to)));
    }
    Schedule::new(spec).with_absences(known)
}

fn shown(schedule: &Schedule) -> Vec<String> {
    let line = |shift: &Shift| {
        let by_role: Vec<String> = shift.on_call.by_role().map(|(_, users)| users.join("+")).collect();
        format!("{} {}", &shift.start.to_string()[8..13], by_role.join("/"))
    };
    schedule.shifts(instant("2026-01-01T00:00:00Z"), instant("2026-01-05T00:00:00Z")).iter().map(line).collect()
}

#[test]
fn the_next_who_is_there_steps_in_and_only_for_so_long() {
    let away = [
        ("a", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        ("a", "2026-01-04T12:00:00Z", "2026-01-05T00:00:00Z"),
        ("b", "2026-01-01T00:00:00Z", "2026-01-01T06:00:00Z"),
    ];
    assert_eq!(shown(&schedule("", &away)), ["01T00 c", "01T06 b", "03T00 c", "04T00 a", "04T12 b"]);
    let answer = schedule("", &away).answer(None, instant("2026-01-01T03:00:00Z"));
    assert_eq!((answer.until, answer.overridden), (Some(instant("2026-01-01T06:00:00Z")), true));
}

#[test]
fn nobody_has_two_roles_for_that_and_there_is_never_a_hole() {
    let a = ("a", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    assert_eq!(shown(&schedule("main backup", &[a]))[0], "01T00 c/b", "b is the backup already");
    let all: Vec<_> = ["a", "b", "c"].map(|name| (name, a.1, a.2)).to_vec();
    assert_eq!(shown(&schedule("", &all))[0], "01T00 a");
}
