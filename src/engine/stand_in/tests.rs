//! Stories of stand-ins in simulated time.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::domain::Span;
use crate::engine::input::Verb;
use crate::engine::policy::{EscalationStep, Person, Policy, Target};
use crate::engine::state::Purpose;
use crate::engine::tests::{World, minute, policy, resource};
use crate::engine::{Decision, Engine, limits};
use crate::rules::Because;
use crate::schedule::{Layer, Live, Rotation, RotationUnit, Schedule, ScheduleSpec, WhenAbsent, Zone};

/// Ana and bo take turns by the day, from the day of minute 0 on; eva is the manager, zoe of another team.
fn world() -> World {
    world_with(WhenAbsent::Warn)
}

/// The same, with calendars: holidays of `de`, and absences of ana and bo.
pub(in crate::engine) fn world_with(absent: WhenAbsent) -> World {
    let mut policy = policy();
    let layer = Layer {
        name: "".into(),
        turns: vec![vec!["ana".into()], vec!["bo".into()]],
        rotation: Rotation::Every { unit: RotationUnit::Day, every: 1, on: vec![] },
        start: jiff::civil::date(2025, 11, 20).at(0, 0, 0, 0),
        anchor: None,
        end: None,
        timezone: None,
        roles: None,
        restrictions: vec![],
        exclude_dates: vec![],
        only_dates: None,
    };
    let spec = ScheduleSpec {
        live: Live { off: vec![(0, "de".into())], absent },
        name: "checkout".into(),
        team: Some("checkout".into()),
        timezone: Zone { name: "UTC".into(), tz: jiff::tz::TimeZone::UTC },
        roles: vec![],
        layers: vec![layer],
        overrides: vec![],
    };
    policy.schedules.insert("checkout".into(), Schedule::new(spec));
    for name in ["ana", "bo"] {
        policy.people.get_mut(name).unwrap().absences = true;
    }
    let team = policy.teams.get_mut("checkout").unwrap();
    Arc::make_mut(team).manager = Some("eva".into());
    for name in ["eva", "zoe"] {
        let person: Person = policy.people["bo"].clone();
        policy.people.insert(name.into(), Person { name: name.to_uppercase(), ..person });
    }
    let chain = Arc::make_mut(policy.escalations.get_mut("checkout").unwrap());
    let target = Target::Schedule { schedule: "checkout".into(), role: None };
    chain.steps = vec![EscalationStep { notify: vec![target], wait: Span::from_minutes(60) }];
    World::new(policy)
}

/// Minute 0 is 2025-11-20 20:15 UTC: ana until midnight (minute 225), then bo until minute 1665.
const MIDNIGHT: i64 = 225;
const BO_ENDS: i64 = MIDNIGHT + 24 * 60;

fn change(from: i64, to: i64, kind: OverrideKind) -> Verb {
    let change = Override { start: minute(from), end: minute(to), kind, role: None };
    let new = NewOverride { request: 7, schedule: "checkout".into(), change, why: "a wedding".into() };
    Verb::AddOverride(Box::new(new))
}

fn replace(from: i64, to: i64, user: &str, with: &str) -> Verb {
    change(from, to, OverrideKind::Replace { user: user.into(), with: with.into() })
}

fn offer(to: Option<&str>, in_return: Option<(i64, i64)>) -> Offer {
    Offer {
        request: 9,
        schedule: "checkout".into(),
        role: None,
        start: minute(0),
        end: minute(MIDNIGHT),
        person: "ana".into(),
        to: to.map(Name::from),
        in_return: in_return.map(|(from, to)| (minute(from), minute(to))),
        why: String::new(),
        expires_at: minute(MIDNIGHT),
    }
}

fn offered(offer: Offer) -> Verb {
    Verb::OfferSwap(Box::new(offer))
}

fn accept(person: &str) -> Verb {
    Verb::AcceptSwap { swap: SwapId(1), person: person.into() }
}

fn decline(person: &str) -> Verb {
    Verb::DeclineSwap { swap: SwapId(1), person: person.into() }
}

fn on_call(world: &World, at: i64) -> Vec<Name> {
    let engine: &Engine = &world.engine;
    engine.state().rota.schedule(engine.policy(), "checkout").unwrap().on_call(minute(at)).users()
}

/// Why nothing was done; empty when something was.
fn refusal(decision: &Decision) -> String {
    let why = decision.trace.lines.iter().find_map(|line| match &line.because {
        Because::NothingToDo { why } => Some(why.to_string()),
        _ => None,
    });
    why.unwrap_or_default()
}

/// Recipients and texts of the notices that wait, which are taken out.
fn notices(world: &mut World, at: i64) -> Vec<(String, String)> {
    let rows = world.engine.state().outbox.values().filter(|row| row.purpose == Purpose::Notice);
    let told = rows.map(|row| (row.to.to_string(), row.text.clone())).collect();
    world.deliver(minute(at));
    told
}

#[test]
fn an_override_is_in_force_at_once_for_pages_too_and_the_stand_in_is_told() {
    let mut world = world();
    assert_eq!(on_call(&world, 1), ["ana"]);
    world.does(minute(1), "ana", replace(0, 100, "ana", "bo"));
    assert_eq!(
        (on_call(&world, 0), on_call(&world, 1), on_call(&world, 99), on_call(&world, 100)),
        (vec!["ana".into()], vec!["bo".into()], vec!["bo".into()], vec!["ana".into()])
    );
    let told = notices(&mut world, 1);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, "bo by slack:main");
    let text = "ana made an override: bo for ana in checkout, Thu 2025-11-20 20:16 to 21:55 UTC. They say: a wedding";
    assert_eq!(told[0].1, text);
    world.event(minute(2), resource("a"));
    assert_eq!(world.incident(1).paged, ["bo"]);
    // Taken back, it ends; the past stays as it was.
    world.does(minute(10), "bo", Verb::RemoveOverride { id: OverrideId(1) });
    assert_eq!((on_call(&world, 9), on_call(&world, 10)), (vec!["bo".into()], vec!["ana".into()]));
    let made = &world.engine.state().stand_ins.overrides[&OverrideId(1)];
    assert_eq!((made.by.label().as_str(), made.asked.why.as_str()), ("ana", "a wedding"));
}

#[test]
fn the_later_made_wins_and_says_so_and_one_that_never_began_leaves_no_trace() {
    let mut world = world();
    world.does(minute(1), "ana", replace(10, 100, "ana", "bo"));
    world.does(minute(1), "ana", replace(50, 60, "ana", "eva"));
    for (at, who) in [(9, "ana"), (10, "bo"), (49, "bo"), (50, "eva"), (59, "eva"), (60, "bo"), (100, "ana")] {
        assert_eq!(on_call(&world, at), [who], "minute {at}");
    }
    let state = world.engine.state();
    let said = notes(state, world.engine.policy(), &state.stand_ins.overrides[&OverrideId(2)]);
    assert_eq!(said, ["it takes the place of O1 (bo for ana) for as long as both last"]);
    world.does(minute(2), "ana", Verb::RemoveOverride { id: OverrideId(2) });
    assert_eq!(on_call(&world, 55), ["bo"]);
    assert!(!world.engine.state().stand_ins.overrides.contains_key(&OverrideId(2)));
    // What leaves a hole, or changes nothing, is said.
    world.does(minute(2), "ana", change(100, 110, OverrideKind::Remove("ana".into())));
    world.does(minute(2), "ana", replace(150, 160, "bo", "eva"));
    let state = world.engine.state();
    let said = |id| notes(state, world.engine.policy(), &state.stand_ins.overrides[&OverrideId(id)]);
    assert_eq!(said(3), [format!("nobody is on call from {} to {}", minute(100), minute(110))]);
    assert_eq!(said(4), ["by the rotation bo is not on call in that time, so it may change nothing"]);
}

#[test]
fn what_does_not_fit_is_refused_in_words() {
    let mut world = world();
    let cases: [(&str, Verb, &str); 9] = [
        ("zoe", replace(10, 20, "ana", "bo"), "zoe is not of the team of schedule `checkout`"),
        ("ana", replace(20, 10, "ana", "bo"), "it ends before it begins"),
        ("ana", replace(-20, 0, "ana", "bo"), "that time is over since"),
        ("ana", replace(10, 20, "ana", "ana"), "ana can't stand in for themselves"),
        ("ana", replace(10, 20, "ana", "kim"), "there is no person `kim` in the configuration"),
        ("ana", replace(10, 10 + 366 * 24 * 60 + 1, "ana", "bo"), "it lasts at most"),
        ("ana", replace(400 * 24 * 60 + 2, 400 * 24 * 60 + 9, "ana", "bo"), "it begins at most"),
        ("ana", change(10, 20, OverrideKind::Set(vec![])), "an override names 1 to 20 people"),
        ("ana", Verb::RemoveOverride { id: OverrideId(4) }, "there is no override O4"),
    ];
    for (who, verb, why) in cases {
        let decision = world.does(minute(1), who, verb);
        assert!(refusal(&decision).starts_with(why), "{why}: {}", refusal(&decision));
    }
    assert!(world.engine.state().stand_ins.overrides.is_empty());
}

#[test]
fn an_offered_shift_is_taken_once_with_what_is_given_in_return() {
    let mut world = world();
    world.does(minute(0), "ana", offered(offer(Some("bo"), Some((MIDNIGHT, BO_ENDS)))));
    let told = notices(&mut world, 0);
    assert_eq!(told.len(), 1);
    assert!(
        told[0].1.contains("asks whether you take the shift of checkout, Thu 2025-11-20 20:15 to Fri"),
        "{}",
        told[0].1
    );
    assert!(told[0].1.contains("In return ana takes yours: Fri 2025-11-21 00:00 to Sat 2025-11-22 00:00 UTC."));
    // Neither a stranger nor the one who offers can take it, nor can anybody answer for somebody else.
    assert!(refusal(&world.does(minute(1), "eva", accept("eva"))).starts_with("bo was asked, not eva"));
    assert!(refusal(&world.does(minute(1), "ana", accept("ana"))).starts_with("it is ana's own shift"));
    assert!(refusal(&world.does(minute(1), "ana", accept("bo"))).starts_with("ana can't answer for bo"));
    let decision = world.does(minute(5), "bo", accept("bo"));
    assert_eq!(refusal(&decision), "");
    for (at, who) in
        [(4, "ana"), (5, "bo"), (MIDNIGHT - 1, "bo"), (MIDNIGHT, "ana"), (BO_ENDS - 1, "ana"), (BO_ENDS, "ana")]
    {
        assert_eq!(on_call(&world, at), [who], "minute {at}");
    }
    let made = &world.engine.state().stand_ins;
    assert_eq!(made.overrides.len(), 2);
    let told = notices(&mut world, 5);
    assert_eq!(told[0].0, "ana by slack:main");
    assert!(told[0].1.starts_with("bo takes the shift of checkout"), "{}", told[0].1);
    // Twice, and too late.
    assert!(refusal(&world.does(minute(6), "bo", accept("bo"))).starts_with("bo took it already"));
    assert!(refusal(&world.does(minute(6), "ana", decline("ana"))).starts_with("bo was faster and took it"));
    assert_eq!(world.engine.state().stand_ins.overrides.len(), 2);
}

#[test]
fn a_shift_for_anybody_goes_to_the_first_and_stays_where_it_is_when_all_decline() {
    let mut world = world();
    world.does(minute(0), "ana", offered(offer(None, None)));
    assert_eq!(notices(&mut world, 0).len(), 1, "bo alone is of the team, beside ana");
    assert!(refusal(&world.does(minute(1), "ana", offered(offer(Some("bo"), None)))).contains("offered already as S1"));
    assert!(refusal(&world.does(minute(1), "zoe", accept("zoe"))).contains("zoe is not of the team"));
    world.does(minute(1), "bo", decline("bo"));
    assert_eq!(world.engine.state().stand_ins.swaps[&SwapId(1)].status.as_str(), "declined");
    assert!(notices(&mut world, 1)[0].1.starts_with("Everybody who was asked declined"));
    assert_eq!(on_call(&world, 2), ["ana"]);
    // The manager may offer it for her, and take it.
    world.does(minute(2), "eva", offered(offer(None, None)));
    world.does(minute(3), "eva", Verb::AcceptSwap { swap: SwapId(2), person: "eva".into() });
    assert_eq!(on_call(&world, 3), ["eva"]);
}

#[test]
fn an_offer_ends_by_itself_and_can_be_taken_back() {
    let mut world = world();
    world.does(minute(0), "ana", offered(Offer { expires_at: minute(60), ..offer(Some("bo"), None) }));
    world.until(minute(60));
    assert_eq!(world.engine.state().stand_ins.swaps[&SwapId(1)].status, SwapStatus::Expired { at: minute(60) });
    assert!(refusal(&world.does(minute(61), "bo", accept("bo"))).starts_with("the offer ended at"));
    let told = notices(&mut world, 61);
    assert!(told.iter().any(|(to, text)| to == "ana by slack:main" && text.starts_with("Nobody took")), "{told:?}");
    world.does(minute(62), "ana", offered(offer(Some("bo"), None)));
    world.does(minute(63), "ana", Verb::DeclineSwap { swap: SwapId(2), person: "ana".into() });
    let late = world.does(minute(64), "bo", Verb::AcceptSwap { swap: SwapId(2), person: "bo".into() });
    assert!(refusal(&late).starts_with("ana took the offer back at"));
    // A shift that is somebody else's by now is nobody's to give.
    world.does(minute(65), "ana", offered(offer(Some("bo"), None)));
    world.does(minute(66), "ana", replace(66, MIDNIGHT, "ana", "eva"));
    let gone = world.does(minute(67), "bo", Verb::AcceptSwap { swap: SwapId(3), person: "bo".into() });
    assert!(refusal(&gone).starts_with("ana is not on call in `checkout`"), "{}", refusal(&gone));
    // Long over, all of it is forgotten.
    world.until(minute(MIDNIGHT).plus(limits::OVERRIDE_KEPT).plus(Span::from_hours(1)));
    assert_eq!(world.engine.state().stand_ins, StandIns { last_override: 1, last_swap: 3, ..StandIns::default() });
    assert_eq!(on_call(&world, 70), ["ana"]);
}

#[test]
fn there_are_limits_to_what_is_kept() {
    let mut world = world();
    let most = limits::OVERRIDES_PER_SCHEDULE_MAX;
    for n in 0..i64::try_from(most).unwrap() {
        assert_eq!(refusal(&world.does(minute(0), "ana", replace(10 + n, 11 + n, "ana", "bo"))), "");
    }
    let decision = world.does(minute(0), "ana", replace(5, 6, "ana", "bo"));
    assert!(refusal(&decision).starts_with("schedule `checkout` has 200 overrides"), "{}", refusal(&decision));
    assert_eq!(world.engine.state().stand_ins.overrides.len(), most);
    let why = |n: usize| offered(Offer { why: "ü".repeat(n), ..offer(Some("bo"), None) });
    let most = limits::STAND_IN_WHY_CHARS_MAX;
    assert!(refusal(&world.does(minute(0), "ana", why(most + 1))).starts_with("the reason has at most"));
    for n in 0..limits::SWAPS_MAX {
        // Half a second each, so that all lie within her shift and none overlaps another.
        let start = minute(0).plus(Span::from_millis(500 * i64::try_from(n).unwrap()));
        let end = start.plus(Span::from_millis(500));
        let offer = Offer { start, end, expires_at: end, why: "ü".repeat(most), ..offer(Some("bo"), None) };
        assert_eq!(refusal(&world.does(Timestamp::from_millis(minute(0).as_millis() - 1), "ana", offered(offer))), "");
    }
    let last = Offer { start: minute(6), ..offer(Some("bo"), None) };
    let refused = refusal(&world.does(minute(0), "ana", offered(last)));
    assert!(refused.starts_with("500 shifts are on offer"), "{refused}");
}

#[test]
fn there_is_a_limit_to_overrides_of_all_schedules_and_to_who_is_asked() {
    let mut world = world();
    world.does(minute(0), "ana", replace(10, 11, "ana", "bo"));
    let mut other = (*world.engine.state().stand_ins.overrides[&OverrideId(1)]).clone();
    other.asked.schedule = "another".into();
    for n in 2..limits::OVERRIDES_MAX as u64 {
        let made = Arc::new(MadeOverride { id: OverrideId(n), ..other.clone() });
        world.engine.state.stand_ins.overrides.insert(made.id, made);
    }
    world.engine.state.stand_ins.last_override = limits::OVERRIDES_MAX as u64 - 1;
    assert_eq!(refusal(&world.does(minute(0), "ana", replace(12, 13, "ana", "bo"))), "");
    let refused = refusal(&world.does(minute(0), "ana", replace(14, 15, "ana", "bo")));
    assert!(refused.starts_with("there are 2000 overrides"), "{refused}");

    for (others, told) in
        [(limits::SWAP_ASKED_MAX, limits::SWAP_ASKED_MAX), (limits::SWAP_ASKED_MAX + 1, limits::SWAP_ASKED_MAX)]
    {
        let mut policy = Policy::clone(self::world().engine.policy());
        // Bo is asked too.
        let names: Vec<Name> = (1..others).map(|n| Name::from(format!("p{n:02}"))).collect();
        for name in &names {
            let person = policy.people["bo"].clone();
            policy.people.insert(name.clone(), person);
        }
        Arc::make_mut(policy.teams.get_mut("checkout").unwrap()).members.extend(names);
        let mut world = World::new(policy);
        world.does(minute(0), "ana", offered(offer(None, None)));
        let asked = notices(&mut world, 1).iter().filter(|(_, text)| text.contains("asks whether")).count();
        assert_eq!(asked, told);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    /// Whatever is asked in whatever order: replaying the decisions, and going on from a snapshot, gives the same state and the same
    /// answers to who is on call.
    #[test]
    fn decisions_replay_to_the_same_rota(steps in prop::collection::vec((0_u8..6, 0_i64..300, 1_i64..200, 0_usize..4), 1..25)) {
        let mut world = world();
        let people = ["ana", "bo", "eva", "zoe"];
        for (n, (what, from, length, who)) in steps.into_iter().enumerate() {
            let (at, person) = (i64::try_from(n).unwrap() * 7, people[who]);
            let verb = match what {
                0 => replace(from, from + length, "ana", person),
                1 => change(from, from + length, OverrideKind::Set(vec![person.into()])),
                2 => Verb::RemoveOverride { id: OverrideId(u64::try_from(length).unwrap() % 6) },
                3 => offered(Offer { end: minute(from + length), expires_at: minute(from + length), ..offer(None, None) }),
                4 => Verb::AcceptSwap { swap: SwapId(1 + who as u64), person: "bo".into() },
                _ => Verb::DeclineSwap { swap: SwapId(1 + who as u64), person: person.into() },
            };
            world.does(minute(at), "ana", verb);
        }
        let policy: Arc<Policy> = Arc::clone(world.engine.policy());
        let mut replayed = Engine::new(Arc::clone(&policy));
        for (at, judged, decision) in &world.decisions {
            if let Some((seq, input)) = judged {
                replayed.accept(*seq, *at, Arc::clone(input));
            }
            decision.transitions.iter().for_each(|t| replayed.evolve(t));
        }
        prop_assert_eq!(&replayed.state().stand_ins, &world.engine.state().stand_ins);
        let again = Engine::from_state(world.engine.state().clone(), Arc::clone(&policy));
        for at in (0..400).step_by(9) {
            let asked = |engine: &Engine| engine.state().rota.schedule(&policy, "checkout").unwrap().on_call(minute(at)).users();
            prop_assert_eq!(asked(&replayed), asked(&world.engine));
            prop_assert_eq!(asked(&again), asked(&world.engine));
        }
    }
}
