//! Single cases for the rules, each around something that is easily got wrong.

use super::*;

/// Shifts as text, one a line: start, end, people (`role=people` in a schedule with roles).
fn shifts(spec: ScheduleSpec, from: &str, to: &str) -> Vec<String> {
    let who = |on_call: &OnCall| {
        let one = |(role, users): (Option<&Name>, &[Name])| {
            let users = users.join("+");
            role.map_or(users.clone(), |role| format!("{role}={users}"))
        };
        on_call.by_role().map(one).collect::<Vec<_>>().join(" ")
    };
    let minute = |t: Timestamp| t.to_string().replace(":00Z", "");
    let schedule = Schedule::new(spec);
    let shifts = schedule.shifts(at(from), at(to));
    // Points inside of shifts must agree too: walking from edge to edge does not see them.
    for point in (at(from).as_millis()..at(to).as_millis()).step_by(300_000).map(Timestamp::from_millis) {
        let shift = shifts.iter().find(|shift| shift.start <= point && point < shift.end);
        let users = shift.map(|shift| shift.on_call.users()).unwrap_or_default();
        assert_eq!(schedule.on_call(point).users(), users, "at {point}");
    }
    shifts.iter().map(|s| format!("{} {} {}", minute(s.start), minute(s.end), who(&s.on_call))).collect()
}

#[test]
fn an_hourly_turn_inside_a_gap_is_passed_over() {
    // 02:00 is read as 03:00, at which the next turn begins: `c` has no time at all.
    let hourly = layer("a b c d", every(1, RotationUnit::Hour), "2026-03-29T00:00");
    assert_eq!(
        shifts(spec("Europe/Paris", vec![hourly]), "2026-03-28T23:00:00Z", "2026-03-29T03:00:00Z"),
        [
            "2026-03-28T23:00 2026-03-29T00:00 a",
            "2026-03-29T00:00 2026-03-29T01:00 b",
            "2026-03-29T01:00 2026-03-29T02:00 d",
            "2026-03-29T02:00 2026-03-29T03:00 a",
        ]
    );
}

#[test]
fn an_hourly_turn_over_the_repeated_hour_is_longer() {
    let hourly = layer("a b c d", every(1, RotationUnit::Hour), "2026-10-25T00:00");
    assert_eq!(
        shifts(spec("Europe/Paris", vec![hourly]), "2026-10-24T22:00:00Z", "2026-10-25T03:00:00Z"),
        [
            "2026-10-24T22:00 2026-10-24T23:00 a",
            "2026-10-24T23:00 2026-10-25T00:00 b",
            "2026-10-25T00:00 2026-10-25T02:00 c",
            "2026-10-25T02:00 2026-10-25T03:00 d",
        ]
    );
}

#[test]
fn a_handoff_in_the_repeated_hour_is_not_undone_when_the_clock_goes_back() {
    // 02:30 occurs at 00:30Z and at 01:30Z; between 01:00Z and 01:30Z the clock shows less than 02:30 again.
    let handoffs = layer("a b", every(1, RotationUnit::Day), "2026-10-24T02:30");
    assert_eq!(
        shifts(spec("Europe/Paris", vec![handoffs]), "2026-10-24T00:30:00Z", "2026-10-26T01:30:00Z"),
        ["2026-10-24T00:30 2026-10-25T00:30 a", "2026-10-25T00:30 2026-10-26T01:30 b"]
    );
}

#[test]
fn a_handoff_behind_a_gap_comes_before_the_one_inside_it() {
    // 02:00 to 02:30 is skipped: 02:25 is read as 02:55, but 02:35 comes first, and then turn 1 has no time left.
    let handoffs = layer("a b c", Rotation::Cron("25,35 2 * * *".into()), "2026-10-03T12:00");
    let only_inside = layer("a b c", Rotation::Cron("25 2 * * *".into()), "2026-10-03T12:00");
    let of = |layer| shifts(spec("Australia/Lord_Howe", vec![layer]), "2026-10-03T15:00:00Z", "2026-10-03T17:00:00Z");
    assert_eq!(of(handoffs), ["2026-10-03T15:00 2026-10-03T15:35 a", "2026-10-03T15:35 2026-10-03T17:00 c"]);
    assert_eq!(of(only_inside), ["2026-10-03T15:00 2026-10-03T15:55 a", "2026-10-03T15:55 2026-10-03T17:00 b"]);
    // Every seven hours over the skipped date: the labels of the 30th are 05:00, 12:00 and 19:00, read as the 31st's, after 02:00 of the 31st.
    let seven = layer("a b c d e f", every(7, RotationUnit::Hour), "2011-12-29T15:00");
    assert_eq!(
        shifts(spec("Pacific/Apia", vec![seven]), "2011-12-30T07:00:00Z", "2011-12-30T20:00:00Z"),
        [
            // 29th 22:00 is turn 1, 31st 02:00 turn 5, 31st 09:00 turn 6.
            "2011-12-30T07:00 2011-12-30T08:00 a",
            "2011-12-30T08:00 2011-12-30T12:00 b",
            "2011-12-30T12:00 2011-12-30T19:00 f",
            "2011-12-30T19:00 2011-12-30T20:00 a",
        ]
    );
}

#[test]
fn the_date_that_samoa_skipped_passes_its_person_over_and_has_no_windows() {
    let daily = layer("a b c", every(1, RotationUnit::Day), "2011-12-28T09:00");
    // 28: a, 29: b, 30 (skipped): c, 31: a. Both 30th and 31st 09:00 are read as the same instant.
    assert_eq!(
        shifts(spec("Pacific/Apia", vec![daily.clone()]), "2011-12-28T19:00:00Z", "2012-01-01T19:00:00Z"),
        [
            "2011-12-28T19:00 2011-12-29T19:00 a",
            "2011-12-29T19:00 2011-12-30T19:00 b",
            "2011-12-30T19:00 2011-12-31T19:00 a",
            "2011-12-31T19:00 2012-01-01T19:00 b",
        ]
    );
    let hours = |from, to| {
        let time = |hour| jiff::civil::time(hour, 0, 0, 0);
        vec![Restriction::Daily { days: vec![Weekday::Friday], from: time(from), to: Some(time(to)) }]
    };
    // The 30th was a Friday; its day would be read as the 31st's.
    let friday = Layer { restrictions: hours(8, 16), ..daily };
    assert_eq!(
        shifts(spec("Pacific/Apia", vec![friday]), "2011-12-29T00:00:00Z", "2012-01-02T00:00:00Z"),
        Vec::<String>::new()
    );
}

#[test]
fn half_an_hour_of_lord_howe_moves_a_handoff_by_half_an_hour() {
    // 02:00 to 02:30 is skipped on 2026-10-04: 02:15 means 02:45.
    let daily = layer("a b", every(1, RotationUnit::Day), "2026-10-03T02:15");
    assert_eq!(
        shifts(spec("Australia/Lord_Howe", vec![daily]), "2026-10-02T15:45:00Z", "2026-10-05T15:15:00Z"),
        [
            "2026-10-02T15:45 2026-10-03T15:45 a",
            "2026-10-03T15:45 2026-10-04T15:15 b",
            "2026-10-04T15:15 2026-10-05T15:15 a",
        ]
    );
}

#[test]
fn a_week_span_goes_over_the_end_of_the_week_and_a_whole_week_when_its_ends_meet() {
    let span = |from_day, to_day, to| Restriction::Weekly { from_day, from: jiff::civil::time(9, 0, 0, 0), to_day, to };
    let with = |restriction| {
        let base = layer("a", Rotation::None, "2026-01-01T00:00");
        let layer = Layer { restrictions: vec![restriction], ..base };
        shifts(spec("UTC", vec![layer]), "2026-06-01T00:00:00Z", "2026-06-16T00:00:00Z")
    };
    let nine = Some(jiff::civil::time(9, 0, 0, 0));
    assert_eq!(with(span(Weekday::Monday, Weekday::Monday, nine)), ["2026-06-01T00:00 2026-06-16T00:00 a"]);
    assert_eq!(
        with(span(Weekday::Friday, Weekday::Monday, nine)),
        [
            "2026-06-01T00:00 2026-06-01T09:00 a",
            "2026-06-05T09:00 2026-06-08T09:00 a",
            "2026-06-12T09:00 2026-06-15T09:00 a",
        ]
    );
    assert_eq!(
        with(span(Weekday::Wednesday, Weekday::Wednesday, None)),
        ["2026-06-03T09:00 2026-06-04T00:00 a", "2026-06-10T09:00 2026-06-11T00:00 a"]
    );
    let early = Some(jiff::civil::time(8, 0, 0, 0));
    assert_eq!(
        with(span(Weekday::Wednesday, Weekday::Wednesday, early)),
        [
            "2026-06-01T00:00 2026-06-03T08:00 a",
            "2026-06-03T09:00 2026-06-10T08:00 a",
            "2026-06-10T09:00 2026-06-16T00:00 a",
        ]
    );
}

#[test]
fn equal_times_are_a_whole_day_also_over_a_change_of_the_clock() {
    let seven = jiff::civil::time(7, 0, 0, 0);
    let hours = Restriction::Daily { days: vec![Weekday::Saturday], from: seven, to: Some(seven) };
    let layer = Layer { restrictions: vec![hours], ..layer("a", Rotation::None, "2026-01-01T00:00") };
    assert_eq!(
        shifts(spec("Europe/Paris", vec![layer]), "2026-03-27T00:00:00Z", "2026-03-31T00:00:00Z"),
        ["2026-03-28T06:00 2026-03-29T05:00 a"]
    );
}

#[test]
fn a_window_whose_edges_are_crossed_by_a_gap_is_empty_that_day() {
    // 02:30 is read as 03:30, after 03:15.
    let time = |hour, minute| jiff::civil::time(hour, minute, 0, 0);
    let hours = Restriction::Daily { days: Vec::new(), from: time(2, 30), to: Some(time(3, 15)) };
    let layer = Layer { restrictions: vec![hours], ..layer("a", Rotation::None, "2026-01-01T00:00") };
    assert_eq!(
        shifts(spec("Europe/Paris", vec![layer]), "2026-03-28T00:00:00Z", "2026-03-31T00:00:00Z"),
        ["2026-03-28T01:30 2026-03-28T02:15 a", "2026-03-30T00:30 2026-03-30T01:15 a"]
    );
}

#[test]
fn an_excluded_date_cuts_the_night_at_midnight() {
    let time = |hour| jiff::civil::time(hour, 0, 0, 0);
    let night = Restriction::Daily { days: Vec::new(), from: time(20), to: Some(time(6)) };
    let base = layer("a", Rotation::None, "2026-01-01T00:00");
    let layer = Layer { restrictions: vec![night], exclude_dates: vec![jiff::civil::date(2026, 12, 25)], ..base };
    assert_eq!(
        shifts(spec("UTC", vec![layer]), "2026-12-24T12:00:00Z", "2026-12-27T12:00:00Z"),
        [
            "2026-12-24T20:00 2026-12-25T00:00 a",
            "2026-12-26T00:00 2026-12-26T06:00 a",
            "2026-12-26T20:00 2026-12-27T06:00 a",
        ]
    );
}

#[test]
fn roles_are_won_one_by_one_and_nobody_is_his_own_backup() {
    let base = layer("a b", every(1, RotationUnit::Day), "2026-05-01T00:00");
    let mut top = layer("x -", every(1, RotationUnit::Day), "2026-05-01T00:00");
    top.roles = Some(names("second"));
    let roles = names("first second third");
    assert_eq!(
        shifts(ScheduleSpec { roles, ..spec("UTC", vec![base, top]) }, "2026-05-01T00:00:00Z", "2026-05-03T00:00:00Z"),
        [
            "2026-05-01T00:00 2026-05-02T00:00 first=a second=x third=",
            "2026-05-02T00:00 2026-05-03T00:00 first=b second=a third=",
        ]
    );
}

#[test]
fn overrides_act_in_listed_order_on_the_result_before() {
    let change = |start: &str, end: &str, kind| Override { start: at(start), end: at(end), kind, role: None };
    let day = |hour: u32| format!("2026-05-01T{hour:02}:00:00Z");
    let base = layer("a", Rotation::None, "2026-05-01T00:00");
    let overrides = vec![
        change(&day(1), &day(6), OverrideKind::Set(names("b"))),
        change(&day(3), &day(8), OverrideKind::Set(names("c"))),
        // Only while `c` is there: after the second set, and not on `a`.
        change(&day(2), &day(10), OverrideKind::Replace { user: "c".into(), with: "d".into() }),
        change(&day(7), &day(9), OverrideKind::Swap("a".into(), "d".into())),
        change(&day(8), &day(9), OverrideKind::Remove("d".into())),
        change(&day(11), &day(11), OverrideKind::Set(names("never"))),
    ];
    assert_eq!(
        shifts(ScheduleSpec { overrides, ..spec("UTC", vec![base]) }, "2026-05-01T00:00:00Z", "2026-05-01T12:00:00Z"),
        [
            "2026-05-01T00:00 2026-05-01T01:00 a",
            "2026-05-01T01:00 2026-05-01T03:00 b",
            "2026-05-01T03:00 2026-05-01T07:00 d",
            "2026-05-01T07:00 2026-05-01T08:00 a",
            "2026-05-01T09:00 2026-05-01T12:00 a",
        ]
    );
}

#[test]
fn an_override_of_one_role_leaves_the_others_alone() {
    let base = layer("a b", every(1, RotationUnit::Day), "2026-05-01T00:00");
    let change = |kind, role: Option<&str>| Override {
        start: at("2026-05-01T00:00:00Z"),
        end: at("2026-05-01T12:00:00Z"),
        kind,
        role: role.map(Name::from),
    };
    let overrides = vec![
        change(OverrideKind::Replace { user: "b".into(), with: "c".into() }, Some("backup")),
        change(OverrideKind::Swap("a".into(), "c".into()), None),
        change(OverrideKind::Set(names("x")), Some("no such role")),
    ];
    let roles = names("main backup");
    let schedule = Schedule::new(ScheduleSpec { roles, overrides, ..spec("UTC", vec![base]) });
    let on_call = schedule.on_call(at("2026-05-01T06:00:00Z"));
    assert_eq!((on_call.role("main"), on_call.role("backup")), (Some(&*names("c")), Some(&*names("a"))));
    assert_eq!(on_call.role("no such role"), None);
    assert_eq!(on_call.users(), names("a c"));
    assert!(on_call.is_overridden());
    assert!(!schedule.on_call(at("2026-05-01T12:00:00Z")).is_overridden());
}

#[test]
fn monthly_turns_are_counted_from_the_anchor_and_not_from_the_month_before() {
    let monthly = layer("a b c d", every(1, RotationUnit::Month), "2027-01-31T09:00");
    assert_eq!(
        shifts(spec("UTC", vec![monthly]), "2027-01-01T00:00:00Z", "2027-05-01T00:00:00Z"),
        [
            "2027-01-31T09:00 2027-02-28T09:00 a",
            "2027-02-28T09:00 2027-03-31T09:00 b",
            "2027-03-31T09:00 2027-04-30T09:00 c",
            "2027-04-30T09:00 2027-05-01T00:00 d",
        ]
    );
}

#[test]
fn far_years_are_answered_by_the_same_rules() {
    let base = layer("a b", every(1, RotationUnit::Week), "1971-01-04T09:00");
    let schedule = Schedule::new(spec("Europe/Paris", vec![base]));
    // 1,000 years on, and in the last week of the table and after it.
    for (instant, turn) in
        [("2100-12-31T12:00:00Z", 6782_i64), ("2101-06-15T12:00:00Z", 6806), ("2971-01-07T12:00:00Z", 52_178)]
    {
        let expected = if turn % 2 == 0 { "a" } else { "b" };
        assert_eq!(schedule.on_call(at(instant)).users(), names(expected), "{instant}");
    }
    assert_eq!(schedule.next_change(at("2101-06-15T12:00:00Z")), None);
    let hourly = Schedule::new(spec("UTC", vec![layer("a b", every(1, RotationUnit::Hour), "1970-01-01T00:00")]));
    assert_eq!(hourly.on_call(at("2099-12-31T23:30:00Z")).users(), names("b"));
}

#[test]
fn a_rotation_that_changes_nothing_has_no_changes() {
    let alone = layer("a", every(1, RotationUnit::Hour), "2026-01-01T00:00");
    let below = layer("b c", every(1, RotationUnit::Hour), "2026-01-01T00:00");
    let top = layer("d", Rotation::None, "2026-01-01T00:00");
    for layers in [vec![alone], vec![below, top]] {
        let schedule = Schedule::new(spec("Europe/Paris", layers));
        assert_eq!(schedule.next_change(at("2026-01-01T00:00:00Z")), None);
        assert_eq!(schedule.next_change(at("2025-01-01T00:00:00Z")), Some(at("2025-12-31T23:00:00Z")));
    }
}

#[test]
fn answers_name_the_layer_and_the_shift() {
    let mut base = layer("a b", every(1, RotationUnit::Week), "2026-11-02T09:00");
    base.name = "weeks".into();
    let schedule = Schedule::new(spec("Europe/Berlin", vec![base]));
    let answer = schedule.answer(None, at("2026-11-20T20:15:00Z"));
    assert_eq!((answer.users, answer.layer.as_deref(), answer.overridden), (names("a"), Some("weeks"), false));
    assert_eq!((answer.since, answer.until), (Some(at("2026-11-16T08:00:00Z")), Some(at("2026-11-23T08:00:00Z"))));
    let unknown = schedule.answer(Some("main"), at("2026-11-20T20:15:00Z"));
    assert_eq!((unknown.role.as_deref(), unknown.users), (Some("main"), Vec::new()));
}

#[test]
fn what_config_refuses_puts_nobody_on_call_and_does_not_panic() {
    let bad_cron = layer("a b", Rotation::Cron("nonsense".into()), "2026-01-01T00:00");
    let no_turns = layer("", every(0, RotationUnit::Day), "2026-01-01T00:00");
    let mut ends_before = layer("c", Rotation::None, "2026-01-02T00:00");
    ends_before.end = Some(civil("2026-01-01T00:00"));
    let schedule = Schedule::new(spec("UTC", vec![bad_cron, no_turns, ends_before]));
    assert_eq!(schedule.on_call(at("2026-01-05T00:00:00Z")).users(), names("a"));
    for edge in [Timestamp::MIN, Timestamp::MAX] {
        assert_eq!(schedule.on_call(edge).users(), names(if edge == Timestamp::MIN { "" } else { "a" }));
        let _ = (schedule.next_change(edge), schedule.explain(edge), schedule.shifts(edge, edge));
    }
    assert!(Schedule::new(spec("UTC", Vec::new())).on_call(at("2026-01-01T00:00:00Z")).is_empty());
}
