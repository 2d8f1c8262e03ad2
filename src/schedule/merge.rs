//! Overrides that were made one after another, as one list: where two of them take the same person out of the same role, the later one
//! made wins, and the earlier one gives way for as long as the later one lasts.
//!
//! Without that an override of an override would change nothing, since the person it names is not on call any more.

use super::spec::{Override, OverrideKind};
use crate::domain::Name;

/// `base` with the overrides that were made later, in the order in which they were made.
#[must_use]
pub fn merged(base: &[Override], later: &[Override], roles: &[Name]) -> Vec<Override> {
    let mut all: Vec<Override> = base.to_vec();
    for change in later {
        all = all.into_iter().flat_map(|earlier| giving_way(earlier, change, roles)).collect();
        all.push(change.clone());
    }
    all
}

/// Whether `later` takes the place of `earlier` for the time that they share: the same person steps out of the same role.
#[must_use]
pub fn supersedes(later: &Override, earlier: &Override) -> bool {
    let apart = earlier.end <= later.start || later.end <= earlier.start;
    let other_role = matches!((&earlier.role, &later.role), (Some(a), Some(b)) if a != b);
    let same = steps_out(&later.kind).is_some_and(|user| steps_out(&earlier.kind) == Some(user));
    !apart && !other_role && same
}

/// What is left of `earlier` beside `later`.
fn giving_way(earlier: Override, later: &Override, roles: &[Name]) -> Vec<Override> {
    if !supersedes(later, &earlier) {
        return vec![earlier];
    }
    let mut left = Vec::new();
    // One that is about all roles stays in force for the others.
    let parts = match (&earlier.role, &later.role) {
        (None, Some(role)) => {
            let others = roles.iter().filter(|other| *other != role);
            left.extend(others.map(|other| Override { role: Some(other.clone()), ..earlier.clone() }));
            Override { role: Some(role.clone()), ..earlier }
        }
        _ => earlier,
    };
    if parts.start < later.start {
        left.push(Override { end: later.start, ..parts.clone() });
    }
    if later.end < parts.end {
        left.push(Override { start: later.end, ..parts });
    }
    left
}

/// The one person whom an override takes out.
const fn steps_out(kind: &OverrideKind) -> Option<&Name> {
    match kind {
        OverrideKind::Replace { user, .. } | OverrideKind::Remove(user) => Some(user),
        OverrideKind::Set(_) | OverrideKind::Add(_) | OverrideKind::Swap(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn replace(from: i64, to: i64, user: &str, with: &str, role: Option<&str>) -> Override {
        let kind = OverrideKind::Replace { user: user.into(), with: with.into() };
        let at = Timestamp::from_seconds;
        Override { start: at(from), end: at(to), kind, role: role.map(Name::from) }
    }

    fn shown(all: &[Override]) -> Vec<String> {
        let line = |o: &Override| {
            let with = match &o.kind {
                OverrideKind::Replace { with, .. } => with.as_str(),
                OverrideKind::Remove(_) => "nobody",
                _ => "others",
            };
            let role = o.role.as_deref().unwrap_or("all");
            format!("{}-{} {with} {role}", o.start.as_millis() / 1000, o.end.as_millis() / 1000)
        };
        all.iter().map(line).collect()
    }

    #[test]
    fn the_later_one_made_wins_for_as_long_as_it_lasts() {
        let roles = [Name::from("main"), Name::from("backup")];
        let base = [replace(0, 100, "ana", "bo", None)];
        let cases: [(Override, &[&str]); 6] = [
            (replace(40, 60, "ana", "eva", None), &["0-40 bo all", "60-100 bo all", "40-60 eva all"]),
            (replace(0, 100, "ana", "eva", None), &["0-100 eva all"]),
            (replace(100, 200, "ana", "eva", None), &["0-100 bo all", "100-200 eva all"]),
            (replace(40, 60, "cy", "eva", None), &["0-100 bo all", "40-60 eva all"]),
            (replace(40, 100, "ana", "eva", Some("main")), &["0-100 bo backup", "0-40 bo main", "40-100 eva main"]),
            (
                Override { kind: OverrideKind::Set(vec!["eva".into()]), ..replace(40, 60, "", "", None) },
                &["0-100 bo all", "40-60 others all"],
            ),
        ];
        for (later, expected) in cases {
            assert_eq!(shown(&merged(&base, &[later], &roles)), expected);
        }
    }

    #[test]
    fn removing_gives_way_to_a_replacement_and_the_other_way_round() {
        let remove = Override { kind: OverrideKind::Remove("ana".into()), ..replace(0, 100, "", "", None) };
        let take = replace(50, 80, "ana", "bo", None);
        let both = merged(&[], &[remove.clone(), take.clone()], &[]);
        assert_eq!(shown(&both), ["0-50 nobody all", "80-100 nobody all", "50-80 bo all"]);
        assert_eq!(shown(&merged(&[], &[take, remove], &[])), ["0-100 nobody all"]);
    }

    #[test]
    fn one_of_another_role_is_left_alone() {
        let main = replace(0, 100, "ana", "bo", Some("main"));
        let backup = replace(0, 100, "ana", "eva", Some("backup"));
        assert_eq!(shown(&merged(&[main], &[backup], &[])), ["0-100 bo main", "0-100 eva backup"]);
    }
}
