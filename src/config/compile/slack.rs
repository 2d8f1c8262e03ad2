//! What Slack needs beyond posting: who may act, rooms of incidents, user groups, and people by what Slack knows of them.

use std::collections::BTreeMap;

use super::Compiler;
use crate::config::diagnostic::{Diagnostic, nearest, quotable};
use crate::config::keys;
use crate::config::settings::{
    ChannelSettings, Directory, HttpTarget, RoomSettings, SecretRef, SlackGroup, SlackSettings, WhoActs,
};
use crate::config::tree::Entry;
use crate::config::view::View;
use crate::domain::{ChannelKind, ChannelRef, Name, Span};
use crate::engine::limits::RESOLVED_KEPT;
use crate::engine::policy::RoomRule;

/// Base of Slack's Web API.
const SLACK_API: &str = "https://slack.com/api/";
/// What names of rooms begin with, unless configured.
const ROOM_PREFIX: &str = "inc-";
/// Characters of that prefix. Beyond: a mistake of the configuration.
const ROOM_PREFIX_MAX: usize = 20;
/// A room is archived so long after the resolution, unless configured.
const ARCHIVE_DEFAULT: Span = Span::from_hours(8);

impl<'a> Compiler<'a> {
    pub(super) fn slack_settings(
        &mut self,
        view: &View<'a>,
        token: Option<SecretRef>,
        webhook: Option<HttpTarget>,
    ) -> SlackSettings {
        let mut api_url = view.text("api_url").unwrap_or(SLACK_API).to_owned();
        if !api_url.ends_with('/') {
            api_url.push('/');
        }
        let signing_secret = self.secret(view, "signing_secret");
        let previous_signing_secret = self.secret(view, "previous_signing_secret");
        if previous_signing_secret.is_some() && signing_secret.is_none() {
            self.findings.push(
                Diagnostic::error("half-secret", view.place, "there is a previous signing secret, and none now")
                    .hint("add `signing_secret_file` or `signing_secret_env`"),
            );
        }
        let act = match view.text("act") {
            None | Some("team") => WhoActs::Team,
            Some("everybody") => WhoActs::Everybody,
            Some(other) => {
                let text = format!("`{}` is not one of team and everybody", quotable(other));
                let problem = Diagnostic::error("bad-word", view.place_of("act"), text);
                self.findings.push(match nearest(other, ["team", "everybody"]) {
                    Some(near) => problem.hint(format!("did you mean `{near}`?")),
                    None => problem.hint("`team`: those whom the incident concerns; `everybody`: all in `[people]`"),
                });
                WhoActs::Team
            }
        };
        let rooms = self.room_settings(view, token.is_some());
        let pictures = self.fetched_pictures(view);
        let common = self.common(view);
        SlackSettings { token, webhook, api_url, signing_secret, pictures, previous_signing_secret, act, rooms, common }
    }

    fn room_settings(&mut self, view: &View<'a>, has_token: bool) -> Option<RoomSettings> {
        let rooms = view.table("rooms", &keys::ROOMS)?;
        if !has_token {
            self.findings.push(
                Diagnostic::error("no-token", rooms.place, "rooms need the bot token of an app")
                    .hint("add `token_file` or `token_env`"),
            );
        }
        let prefix = rooms.text("prefix").unwrap_or(ROOM_PREFIX).to_owned();
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if prefix.is_empty() || prefix.len() > ROOM_PREFIX_MAX || !prefix.chars().all(fits) {
            let text = format!("names of rooms cannot begin with `{}`", quotable(&prefix));
            let hint = format!("1 to {ROOM_PREFIX_MAX} of a to z, 0 to 9, `-` and `_`");
            self.findings.push(Diagnostic::error("bad-name", rooms.place_of("prefix"), text).hint(hint));
        }
        Some(RoomSettings { prefix, private: rooms.truth("private", false) })
    }

    /// Which incidents get a room in this channel.
    pub(super) fn room_rule(&mut self, view: &View<'a>) -> Option<RoomRule> {
        let rooms = view.table("rooms", &keys::ROOMS)?;
        let archive_after = match rooms.text("archive_after") {
            None => Some(ARCHIVE_DEFAULT),
            Some(_) => rooms.span("archive_after").filter(|after| *after > Span::ZERO),
        };
        if archive_after.is_some_and(|after| after > RESOLVED_KEPT) {
            let text = format!("a room can be archived {RESOLVED_KEPT} after the resolution at most");
            self.findings.push(
                Diagnostic::error("too-long", rooms.place_of("archive_after"), text)
                    .note("for so long a resolved incident is remembered")
                    .hint("write `\"0\"` to keep rooms"),
            );
        }
        Some(RoomRule { priorities: rooms.names("priorities"), teams: rooms.names("teams"), archive_after })
    }

    /// People by their addresses, whether or not they want to be told there.
    pub(super) fn directory(&self) -> Directory {
        let mut directory = Directory::default();
        for entry in self.things("people") {
            let view = View::entry(entry, &keys::PERSON);
            let person = Name::from(entry.key.as_str());
            if let Some(id) = view.name("slack") {
                let several = directory.by_slack.contains_key(&id);
                directory.by_slack.insert(id.clone(), (!several).then(|| person.clone()));
                directory.slack.insert(person.clone(), id);
            }
            if let Some(address) = view.text("email").map(str::to_lowercase) {
                let several = directory.by_email.contains_key(&address);
                directory.by_email.insert(address.clone(), (!several).then(|| person.clone()));
                directory.email.insert(person, address);
            }
        }
        directory
    }

    /// User groups that are kept in step with schedules.
    pub(super) fn slack_groups(&mut self, channels: &BTreeMap<ChannelRef, ChannelSettings>) -> Vec<SlackGroup> {
        let entries: Vec<&'a Entry> = self.things("schedules").collect();
        let mut groups = Vec::new();
        for entry in entries {
            let view = View::entry(entry, &keys::SCHEDULE);
            let Some(text) = view.text("slack_group") else {
                if view.get("slack_group_roles").is_some() {
                    let place = view.place_of("slack_group_roles");
                    self.error("no-group", place, "there are roles for a Slack group, and no `slack_group`");
                }
                continue;
            };
            let roles = view.names("slack_group_roles");
            for role in view.texts("slack_group_roles") {
                if !view.names("roles").iter().any(|known| known == role.text) {
                    let text = format!("the schedule has no role `{}`", quotable(role.text));
                    self.error("unknown-role", role.place, text);
                }
            }
            let read = text.split_once('/').filter(|(_, group)| {
                group.starts_with('S') && group.len() > 1 && group.chars().all(|c| c.is_ascii_alphanumeric())
            });
            let Some((name, group)) = read else {
                self.findings.push(
                    Diagnostic::error(
                        "bad-group",
                        view.place_of("slack_group"),
                        format!("`{}` is not a channel and the id of a user group", quotable(text)),
                    )
                    .hint("write for example `main/S0614TZR7`; Slack shows the id in the address of the group's page"),
                );
                continue;
            };
            let channel = ChannelRef { kind: ChannelKind::Slack, name: name.into() };
            let has_token =
                matches!(channels.get(&channel), Some(ChannelSettings::Slack(slack)) if slack.token.is_some());
            if !has_token {
                self.findings.push(
                    Diagnostic::error(
                        "unknown-channel",
                        view.place_of("slack_group"),
                        format!("there is no Slack channel `{}` with a bot token", quotable(name)),
                    )
                    .hint(format!("define it as `[channels.slack.{}]`", quotable(name))),
                );
                continue;
            }
            let schedule = Name::from(entry.key.as_str());
            groups.push(SlackGroup { schedule, roles, channel, group: group.to_owned() });
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use crate::config::load_texts;
    use crate::domain::Timestamp;

    const BASE: &str = r#"
[organisation]
name = "acme"
[priorities.P1]
[people]
ana = { slack = "U0ANA", email = "Ana@acme.example" }
bo = { slack = "U0BO", email = "pair@acme.example" }
cy = { slack = "U0BO", email = "PAIR@acme.example" }
[schedules.x]
users = ["ana"]
start = 2026-01-05T09:00:00
GROUP
[channels.slack.main]
token_env = "TOKEN"
SLACK
"#;

    fn load(slack: &str, group: &str) -> (String, Option<crate::config::Settings>) {
        let text = BASE.replace("SLACK", slack).replace("GROUP", group);
        let now = Timestamp::parse("2026-11-20T20:00:00Z").unwrap();
        let report = load_texts([("callout.toml", text.as_str())], now);
        (report.render(false), report.loaded.map(|loaded| (*loaded.settings).clone()))
    }

    #[test]
    fn slack_settings_that_cannot_be_are_mistakes() {
        for (slack, group, words) in [
            ("act = \"teem\"", "", "did you mean `team`?"),
            ("previous_signing_secret_env = \"OLD\"", "", "there is a previous signing secret, and none now"),
            ("rooms = { priorities = [\"P1\"], prefix = \"Inc \" }", "", "names of rooms cannot begin with `Inc `"),
            (
                "rooms = { priorities = [\"P1\"], prefix = \"a23456789-123456789-1\" }",
                "",
                "names of rooms cannot begin",
            ),
            ("rooms = { priorities = [\"P1\"], archive_after = \"25h\" }", "", "after the resolution at most"),
            ("rooms = { priorities = [\"P9\"] }", "", "P9"),
            ("", "slack_group = \"oncall\"", "`oncall` is not a channel and the id of a user group"),
            ("", "slack_group = \"other/S01\"", "there is no Slack channel `other` with a bot token"),
            ("", "slack_group = \"main/S01\"\nslack_group_roles = [\"chief\"]", "the schedule has no role `chief`"),
            ("", "slack_group_roles = [\"chief\"]", "no `slack_group`"),
        ] {
            let (said, loaded) = load(slack, group);
            assert!(loaded.is_none() && said.contains(words), "{slack} {group}: {said}");
        }
        let prefix = "rooms = { priorities = [\"P1\"], prefix = \"a23456789-123456789-\", archive_after = \"0\" }";
        let (said, loaded) = load(prefix, "slack_group = \"main/S01\"");
        let settings = loaded.unwrap_or_else(|| panic!("{said}"));
        assert_eq!(settings.slack_groups[0].group, "S01");
    }

    #[test]
    fn an_address_that_two_people_have_is_nobodys() {
        let directory = load("", "").1.unwrap().directory;
        assert_eq!(directory.by_slack.get("U0ANA"), Some(&Some("ana".into())));
        assert_eq!(directory.by_slack.get("U0BO"), Some(&None));
        assert_eq!(directory.by_email.get("ana@acme.example"), Some(&Some("ana".into())));
        assert_eq!(directory.by_email.get("pair@acme.example"), Some(&None));
    }
}
