//! Who somebody is: by the Slack id in the configuration, else by the mail address that Slack has of them. Answers are remembered for a while.
//!
//! A mail address counts only of the workspace's own full members: whoever comes from elsewhere, by a shared room, has an address that
//! somebody else vouches for.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::Workspace;
use crate::channel::slack::api::CallError;
use crate::config::Directory;
use crate::domain::{Name, Span, Timestamp};

/// Members that are remembered. Beyond: the oldest are asked for again.
pub const MEMBERS_MAX: usize = 10_000;
/// How long it is remembered who somebody is.
const REMEMBERED: Span = Span::from_hours(1);
/// How long it is remembered that somebody is nobody whom the configuration knows, so that a correction is soon seen.
const STRANGE: Span = Span::from_minutes(1);
/// Slack is waited for so long; whoever pressed waits too.
const ASKED: Duration = Duration::from_millis(1_500);

/// Why it is not known who somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// The configuration does not know them.
    Stranger,
    /// Slack could not be asked.
    Unanswered,
}

/// What is remembered of members, by their Slack ids; and of people without one, by their mail addresses.
#[derive(Debug, Default)]
pub struct Members {
    emails: Mutex<BTreeMap<String, (Timestamp, Option<String>)>>,
    ids: Mutex<BTreeMap<String, (Timestamp, Option<String>)>>,
}

impl Workspace {
    /// The person behind a Slack id. `team`: the workspace that they come from, where the request says so.
    ///
    /// # Errors
    /// Why it is not known.
    pub async fn person(
        &self,
        id: &str,
        is_guest: bool,
        directory: &Directory,
        now: Timestamp,
    ) -> Result<Name, Unknown> {
        if let Some(known) = directory.by_slack.get(id) {
            return known.clone().ok_or(Unknown::Stranger);
        }
        if is_guest {
            return Err(Unknown::Stranger);
        }
        let email = if let Some(Known(email)) = recall(&self.members.emails, id, now) {
            email
        } else {
            let api = self.api.as_ref().ok_or(Unknown::Stranger)?;
            let asked = tokio::time::timeout(ASKED, api.ask("users.info", &[("user", id)])).await;
            let email = match asked {
                Ok(Ok(answer)) => email_of(&answer["user"]),
                Ok(Err(CallError::Refused(_))) => None,
                Ok(Err(_)) | Err(_) => return Err(Unknown::Unanswered),
            };
            remember(&self.members.emails, id, email.clone(), now);
            email
        };
        let found = email.and_then(|email| directory.by_email.get(&email).cloned().flatten());
        found.ok_or(Unknown::Stranger)
    }

    /// The Slack id of a person: that of the configuration, else the member with their mail address.
    ///
    /// # Errors
    /// When Slack could not be asked.
    pub async fn member(
        &self,
        person: &str,
        directory: &Directory,
        now: Timestamp,
    ) -> Result<Option<String>, CallError> {
        if let Some(id) = directory.slack.get(person) {
            return Ok(Some(id.to_string()));
        }
        let (Some(email), Some(api)) = (directory.email.get(person), &self.api) else { return Ok(None) };
        if let Some(Known(id)) = recall(&self.members.ids, email, now) {
            return Ok(id);
        }
        let id = match api.ask("users.lookupByEmail", &[("email", email)]).await {
            Ok(answer) => answer["user"]["id"].as_str().map(str::to_owned),
            Err(CallError::Refused(why)) if why == "users_not_found" => None,
            Err(error) => return Err(error),
        };
        remember(&self.members.ids, email, id.clone(), now);
        Ok(id)
    }
}

/// The mail address of one of the workspace's own full members, in lower case.
fn email_of(user: &Value) -> Option<String> {
    let flags = ["deleted", "is_bot", "is_stranger", "is_restricted", "is_ultra_restricted"];
    let foreign = flags.iter().any(|flag| user[*flag].as_bool() == Some(true));
    user["profile"]["email"].as_str().filter(|_| !foreign).map(str::to_lowercase)
}

type Kept = Mutex<BTreeMap<String, (Timestamp, Option<String>)>>;

/// What is known of somebody: maybe that there is nothing.
#[derive(Debug, PartialEq, Eq)]
struct Known(Option<String>);

fn recall(kept: &Kept, key: &str, now: Timestamp) -> Option<Known> {
    let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    let (at, value) = kept.get(key)?;
    let good = if value.is_some() { REMEMBERED } else { STRANGE };
    (now.since(*at) < good).then(|| Known(value.clone()))
}

fn remember(kept: &Kept, key: &str, value: Option<String>, now: Timestamp) {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() >= MEMBERS_MAX {
        kept.retain(|_, (at, value)| now.since(*at) < if value.is_some() { REMEMBERED } else { STRANGE });
        if kept.len() >= MEMBERS_MAX {
            kept.clear();
        }
    }
    kept.insert(key.to_owned(), (now, value));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_full_members_are_known_by_their_mail_address() {
        let user =
            json!({"id": "U1", "deleted": false, "is_stranger": false, "profile": {"email": "Ann@Acme.Example"}});
        assert_eq!(email_of(&user).as_deref(), Some("ann@acme.example"));
        for flag in ["deleted", "is_bot", "is_stranger", "is_restricted", "is_ultra_restricted"] {
            let mut user = user.clone();
            user[flag] = json!(true);
            assert_eq!(email_of(&user), None, "{flag}");
        }
        assert_eq!(email_of(&json!({"id": "U1"})), None);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_grows_old() {
        let (kept, now) = (Kept::default(), Timestamp::from_seconds(0));
        remember(&kept, "U1", Some("a".into()), now);
        remember(&kept, "U2", None, now);
        assert_eq!(recall(&kept, "U1", now.plus(Span::from_minutes(59))), Some(Known(Some("a".into()))));
        assert_eq!(recall(&kept, "U1", now.plus(Span::from_minutes(60))), None);
        assert_eq!(recall(&kept, "U2", now.plus(Span::from_seconds(59))), Some(Known(None)));
        assert_eq!(recall(&kept, "U2", now.plus(Span::from_seconds(60))), None);
        for number in 0..MEMBERS_MAX * 2 {
            remember(&kept, &number.to_string(), None, now);
        }
        assert!(kept.lock().unwrap().len() <= MEMBERS_MAX);
    }
}
