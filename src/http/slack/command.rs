//! `/callout …`: what the words mean, and what comes of them. Whoever typed sees the answer, nobody else.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use super::act::{Person, act, find, person};
use super::open::{Report, nearest, open};
use super::{Said, say};
use crate::auth::act::{may_act, may_act_for};
use crate::auth::slack::mark;
use crate::channel::slack::escape::{block, line};
use crate::channel::wording;
use crate::domain::{IncidentId, Name, SilenceId, Span, Timestamp};
use crate::engine::input::{NewOverride, SilenceSpec};
use crate::engine::stand_in::notes;
use crate::engine::{Actor, Command, Policy, Verb};
use crate::http::App;
use crate::http::incidents::SNOOZE_MAX;
use crate::http::silences::{of_person, room_for_silence};
use crate::http::stand_ins::{NotDone, attempt, moment};
use crate::http::view::TEXT_BYTES_MAX;
use crate::projection;
use crate::runtime::slack::Workspace;
use crate::schedule::{Override, OverrideKind};

/// Incidents listed by `status`. Beyond: how many more there are.
const LISTED_MAX: usize = 15;
/// Incidents looked at for `status`, the newest first. Beyond: older ones are in the list on the web.
const LOOKED_AT_MAX: usize = 5_000;
/// Schedules listed by `who`. Beyond: how many more there are.
const SCHEDULES_MAX: usize = 20;

/// A command as Slack sends it.
#[derive(Debug, Default)]
pub struct Asked {
    /// Slack id of whoever typed it.
    pub user: String,
    /// What follows the command.
    pub text: String,
    /// The command itself: `/callout`.
    pub command: String,
    /// Slack's name for the request.
    pub trigger: String,
}

/// The words, what they want, and an example.
const WORDS: [(&str, &str, &str); 13] = [
    ("who", "who is on call: everywhere, in a team, or in a schedule", "who checkout"),
    ("status", "what is open for your teams, or how one incident stands", "status 17"),
    ("ack", "you are on it; the escalation stops", "ack 17"),
    ("snooze", "quiet for a while, at most 30 days", "snooze 17 2h"),
    ("resolve", "it is over", "resolve 17"),
    ("escalate", "the next step at once", "escalate 17"),
    ("reassign", "to somebody else, who is paged", "reassign 17 @bo"),
    ("priority", "another priority", "priority 17 P1"),
    ("note", "a remark for the timeline", "note 17 rolled back"),
    ("open", "opens an incident by hand", "open data-api nobody can log on priority=P1"),
    ("override", "somebody stands in, for a while", "override checkout @bo for @ana 2026-12-24T09:00 2026-12-28T09:00"),
    ("silence", "keeps alerts quiet", "silence service=\"data-api\" for 2h patching"),
    ("help", "this list", "help"),
];

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wish {
    Help,
    Who(Option<String>),
    Status(Option<IncidentId>),
    Acknowledge(IncidentId),
    Snooze(IncidentId, Span),
    Resolve(IncidentId),
    Escalate(IncidentId),
    Reassign(IncidentId, Vec<String>),
    Priority(IncidentId, String),
    Note(IncidentId, String),
    Open { service: String, summary: String, priority: Option<String> },
    Silence { matchers: String, lasts: Span, comment: String },
    Override(StandIn),
}

/// Somebody stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
struct StandIn {
    schedule: String,
    who: String,
    whom: Option<String>,
    role: Option<String>,
    when: When,
}

/// For how long.
#[derive(Debug, Clone, PartialEq, Eq)]
enum When {
    /// From now on.
    Lasting(Span),
    /// From one time to another, as they were typed.
    Between(String, String),
}

/// Reads the text of a command.
///
/// # Errors
/// What is wrong with it, and what would be right.
fn read(text: &str) -> Result<Wish, String> {
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    let example = |word: &str| {
        let known = WORDS.iter().find(|(known, ..)| *known == word);
        known.map_or_else(String::new, |(_, _, example)| format!(" For example: `/callout {example}`"))
    };
    let numbered = |word: &str| -> Result<(IncidentId, &str), String> {
        let (number, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let number = number.trim_start_matches('#');
        let wrong = |what: String| format!("{what}{}", example(word));
        if number.is_empty() {
            return Err(wrong("Say which incident, by its number.".to_owned()));
        }
        let id =
            number.parse().map_err(|_| wrong(format!("`{}` is not the number of an incident.", say::typed(number))))?;
        Ok((id, rest.trim()))
    };
    let alone = |word: &str| -> Result<IncidentId, String> {
        match numbered(word)? {
            (id, "") => Ok(id),
            (_, more) => Err(format!("`{}` is not understood here.{}", say::typed(more), example(word))),
        }
    };
    match word.to_ascii_lowercase().as_str() {
        "" | "help" | "?" => Ok(Wish::Help),
        "who" | "oncall" => Ok(Wish::Who(Some(rest.to_owned()).filter(|rest| !rest.is_empty()))),
        "status" | "list" if rest.is_empty() => Ok(Wish::Status(None)),
        "status" | "list" => Ok(Wish::Status(Some(alone("status")?))),
        "ack" | "acknowledge" => Ok(Wish::Acknowledge(alone("ack")?)),
        "resolve" => Ok(Wish::Resolve(alone("resolve")?)),
        "escalate" => Ok(Wish::Escalate(alone("escalate")?)),
        "snooze" => {
            let (id, lasts) = numbered("snooze")?;
            let lasts = lasts.trim_start_matches("for ");
            let span =
                Span::parse(lasts).map_err(|_| format!("Say for how long: `30m`, `2h`, `1d`.{}", example("snooze")))?;
            Ok(Wish::Snooze(id, span))
        }
        "reassign" => {
            let (id, people) = numbered("reassign")?;
            let people: Vec<String> = people.split_whitespace().map(str::to_owned).collect();
            if people.is_empty() {
                return Err(format!("Say to whom.{}", example("reassign")));
            }
            Ok(Wish::Reassign(id, people))
        }
        "priority" => match numbered("priority")? {
            (_, "") => Err(format!("Say which priority.{}", example("priority"))),
            (id, priority) => Ok(Wish::Priority(id, priority.to_owned())),
        },
        "note" => match numbered("note")? {
            (_, "") => Err(format!("Say what to note.{}", example("note"))),
            (_, text) if text.len() > TEXT_BYTES_MAX => Err(format!("A note has at most {TEXT_BYTES_MAX} bytes.")),
            (id, text) => Ok(Wish::Note(id, text.to_owned())),
        },
        "open" => read_open(rest).ok_or_else(|| format!("Say which service, and what is wrong.{}", example("open"))),
        "override" => read_override(rest).ok_or_else(|| {
            let what =
                "Say in which schedule, who, for whom if it is for one person, and how long or from when to when.";
            format!("{what}{} Or: `/callout override checkout me 4h`", example("override"))
        }),
        "silence" => read_silence(rest).map_err(|why| format!("{why}{}", example("silence"))),
        other => {
            let words = WORDS.map(|(word, ..)| word);
            let near = crate::config::nearest(other, words.iter().copied())
                .map_or_else(String::new, |near| format!(" Did you mean `{near}`?"));
            Err(format!("`{}` is not understood.{near} `/callout help` lists everything.", say::typed(other)))
        }
    }
}

fn read_open(rest: &str) -> Option<Wish> {
    let (service, rest) = rest.split_once(char::is_whitespace)?;
    let mut priority = None;
    let mut words = Vec::new();
    for word in rest.split_whitespace() {
        match word.strip_prefix("priority=") {
            Some(named) => priority = Some(named.to_owned()),
            None => words.push(word),
        }
    }
    let summary = words.join(" ");
    (!summary.is_empty()).then(|| Wish::Open { service: service.to_owned(), summary, priority })
}

fn read_override(rest: &str) -> Option<Wish> {
    let mut words: Vec<&str> = rest.split_whitespace().collect();
    let role = words.iter().position(|word| word.starts_with("role="));
    let role = role.map(|at| words.remove(at)["role=".len()..].to_owned());
    let whom = words.iter().position(|word| *word == "for").filter(|at| at + 1 < words.len());
    let whom = whom.map(|at| words.drain(at..at + 2).nth(1).unwrap_or_default().to_owned());
    let owned = |word: &str| word.to_owned();
    let (schedule, who, when) = match words.as_slice() {
        [schedule, who, lasts] => (schedule, who, When::Lasting(Span::parse(lasts).ok()?)),
        [schedule, who, from, to] => (schedule, who, When::Between(owned(from), owned(to))),
        _ => return None,
    };
    Some(Wish::Override(StandIn { schedule: owned(schedule), who: owned(who), whom, role, when }))
}

fn read_silence(rest: &str) -> Result<Wish, String> {
    let (matchers, rest) = rest.rsplit_once(" for ").ok_or("Say what is to be quiet, and for how long.")?;
    let (lasts, comment) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
    let lasts = Span::parse(lasts).map_err(|_| "Say for how long: `30m`, `2h`, `1d`.")?;
    Ok(Wish::Silence { matchers: straight(matchers), lasts, comment: comment.trim().to_owned() })
}

/// Phones make quotation marks curly, and Slack escapes three signs.
fn straight(text: &str) -> String {
    let text: String = text.chars().map(|c| if matches!(c, '“' | '”' | '„') { '"' } else { c }).collect();
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Does what it says.
pub async fn work(app: App, workspace: Arc<Workspace>, asked: Asked) -> Said {
    let person = match person(&app, &workspace, &asked.user, false).await {
        Ok(person) => person,
        Err(said) => return said,
    };
    let wish = match read(&asked.text) {
        Ok(wish) => wish,
        Err(why) => return Said::Text(why),
    };
    obey(&app, &workspace, &person, &asked, wish).await.unwrap_or_else(|said| said)
}

async fn obey(app: &App, workspace: &Workspace, person: &Person, asked: &Asked, wish: Wish) -> Result<Said, Said> {
    let verb = match wish {
        Wish::Help => return Ok(Said::Text(help(&asked.command))),
        Wish::Who(of) => return who(app, person, of.as_deref()).map(Said::Text),
        Wish::Status(None) => return Ok(Said::Text(open_ones(app, workspace, person))),
        Wish::Status(Some(id)) => return one(app, person, id).map(Said::Text),
        Wish::Open { service, summary, priority } => {
            return open_by_words(app, workspace, person, asked, &service, summary, priority).await;
        }
        Wish::Override(wanted) => return stand_in(app, workspace, person, asked, wanted).await,
        Wish::Silence { matchers, lasts, comment } => {
            return silence(app, workspace, person, asked, &matchers, lasts, comment).await;
        }
        Wish::Acknowledge(incident) => Verb::Acknowledge { incident },
        Wish::Resolve(incident) => Verb::Resolve { incident },
        Wish::Escalate(incident) => {
            // From where it stands now: of two who type it at once, one escalates.
            let known = find(app, incident)?;
            match known.escalation.as_ref().map(|stands| (stands.pass, stands.step)) {
                Some((round, step)) => Verb::EscalateFrom { incident, round, step },
                None => Verb::Escalate { incident },
            }
        }
        Wish::Snooze(incident, lasts) if lasts <= SNOOZE_MAX && lasts > Span::ZERO => {
            Verb::Snooze { incident, until: app.handle().now().plus(lasts) }
        }
        Wish::Snooze(..) => return Err(Said::Text(format!("A snooze lasts at most {SNOOZE_MAX}."))),
        Wish::Note(incident, text) => Verb::Note { incident, text },
        Wish::Priority(incident, priority) => {
            let policy = app.handle().policy();
            let priority = known(&priority, "priority", policy.priorities.keys())?;
            Verb::SetPriority { incident, priority: Some(priority) }
        }
        Wish::Reassign(incident, people) => {
            let mut ids = Vec::new();
            for text in &people {
                ids.push(named_person(app, workspace, text).await?);
            }
            Verb::ReassignPeople { incident, people: ids }
        }
    };
    act(app, workspace, person, verb, true).await
}

/// A name of the configuration, whatever its case; else what is near.
fn known<'a>(text: &str, what: &str, names: impl Iterator<Item = &'a Name> + Clone) -> Result<Name, Said> {
    let found = names.clone().find(|name| name.eq_ignore_ascii_case(text));
    found.cloned().ok_or_else(|| {
        let near = nearest(text, names);
        Said::Text(format!("There is no {what} `{}`.{near}", say::typed(text)))
    })
}

/// A person, as `ana`, `@ana`, or a mention that Slack wrote out.
async fn named_person(app: &App, workspace: &Workspace, text: &str) -> Result<Name, Said> {
    if let Some(id) = text.strip_prefix("<@").and_then(|rest| rest.split(['|', '>']).next()) {
        return Ok(person(app, workspace, id, false)
            .await
            .map_err(|_| {
                Said::Text("callout does not know one of them, so it could not page them. Nothing was done.".to_owned())
            })?
            .id);
    }
    known(text.trim_start_matches('@'), "person", app.handle().policy().people.keys())
}

fn help(command: &str) -> String {
    let command = if command.starts_with('/') { line(command, 40) } else { "/callout".to_owned() };
    let mut text = "*What callout understands*".to_owned();
    for (word, what, example) in WORDS {
        let _ = write!(text, "\n• `{word}`: {what} (`{command} {}`)", line(example, 80));
    }
    text
}

fn who(app: &App, person: &Person, of: Option<&str>) -> Result<String, Said> {
    let (policy, now) = (app.handle().policy(), app.handle().now());
    let schedules: BTreeSet<&Name> = match of.map(|text| text.trim_start_matches(['#', '@'])) {
        None => policy.schedules.keys().collect(),
        Some(text) => schedules_named(&policy, text)?,
    };
    if schedules.is_empty() {
        return Ok("There is no schedule, so nobody is on call.".to_owned());
    }
    let more = schedules.len().saturating_sub(SCHEDULES_MAX);
    let rota = app.handle().read(|state| Arc::clone(&state.rota));
    let rows = projection::on_call(&policy, &rota, schedules.into_iter().take(SCHEDULES_MAX), None, now);
    let mut text = "*On call now*".to_owned();
    for row in rows {
        let role = row.role.as_deref().map(|role| format!(" {}", say::typed(role))).unwrap_or_default();
        let ids: Vec<Name> = row.users.iter().map(|user| user.id.clone()).collect();
        let people = if ids.is_empty() { "nobody".to_owned() } else { say::people_names(&policy, &ids) };
        let _ = write!(text, "\n• {}{role}: *{people}*", say::typed(&row.schedule));
        if let Some(until) = row.until.as_deref().and_then(|until| Timestamp::parse(until).ok()) {
            let _ = write!(text, " until {}", wording::moment(until, &person.zone, now));
        }
        if row.overridden {
            text.push_str(" (stands in)");
        }
    }
    if more > 0 {
        let _ = write!(text, "\n• and {more} schedules more");
    }
    Ok(text)
}

/// The schedules of a team, or the one of that name.
fn schedules_named<'a>(policy: &'a Policy, text: &str) -> Result<BTreeSet<&'a Name>, Said> {
    if let Some(team) = policy.teams.keys().find(|team| team.eq_ignore_ascii_case(text)) {
        return Ok(projection::schedules_of(policy, team).unwrap_or_default());
    }
    let found = policy.schedules.keys().find(|name| name.eq_ignore_ascii_case(text));
    let unknown = || {
        let near = nearest(text, policy.teams.keys().chain(policy.schedules.keys()));
        Said::Text(format!("There is no team or schedule `{}`.{near}", say::typed(text)))
    };
    Ok([found.ok_or_else(unknown)?].into())
}

/// What is open where the person may act.
fn open_ones(app: &App, workspace: &Workspace, person: &Person) -> String {
    let (policy, now) = (app.handle().policy(), app.handle().now());
    let newest: Vec<_> = app.handle().read(|state| {
        state.incidents.values().rev().take(LOOKED_AT_MAX).filter(|i| i.status.is_open()).cloned().collect()
    });
    let rota = app.handle().read(|state| Arc::clone(&state.rota));
    let mut mine: Vec<_> = newest
        .into_iter()
        .filter(|i| !i.is_drill() && may_act(workspace.act, &person.id, i, &policy, &rota, now))
        .collect();
    if mine.is_empty() {
        return "Nothing is open that concerns you.".to_owned();
    }
    mine.sort_by_key(|incident| (incident.rank, std::cmp::Reverse(incident.id)));
    let mut text = format!("*{} open*", mine.len());
    for incident in mine.iter().take(LISTED_MAX) {
        let priority = incident.priority.as_deref().map_or_else(String::new, |p| format!("{} ", say::typed(p)));
        let _ = write!(text, "\n• {priority}{}", say::stands(incident, &policy, &person.zone, now));
    }
    if mine.len() > LISTED_MAX {
        let _ = write!(text, "\n• and {} more", mine.len() - LISTED_MAX);
    }
    text
}

fn one(app: &App, person: &Person, id: IncidentId) -> Result<String, Said> {
    let (policy, now) = (app.handle().policy(), app.handle().now());
    let incident = find(app, id)?;
    let mut text = say::stands(&incident, &policy, &person.zone, now);
    let priority = incident.priority.as_deref().map_or_else(|| "none".to_owned(), say::typed);
    let _ = write!(
        text,
        "\nPriority {priority}, team {}, since {}.",
        say::typed(&incident.team),
        wording::moment(incident.opened_at, &person.zone, now)
    );
    if !incident.paged.is_empty() {
        let _ = write!(text, " Paged: {}.", say::people_names(&policy, &incident.paged));
    }
    if let Some(stands) = incident.escalation.as_ref() {
        let next = stands.due.map_or_else(
            || "it goes no further by itself".to_owned(),
            |due| format!("the next at {}", wording::moment(due, &person.zone, now)),
        );
        let _ = write!(text, " Step {} of {}; {next}.", stands.step + 1, stands.policy.steps.len());
    }
    if let Some(room) = incident.room.as_deref() {
        let _ = write!(text, " Room: <#{}>.", line(&room.receipt.place, 40));
    }
    Ok(text)
}

async fn open_by_words(
    app: &App,
    workspace: &Workspace,
    person: &Person,
    asked: &Asked,
    service: &str,
    summary: String,
    priority: Option<String>,
) -> Result<Said, Said> {
    let policy = app.handle().policy();
    let service = known(service, "service", policy.services.keys())?;
    let priority = priority.map(|p| known(&p, "priority", policy.priorities.keys())).transpose()?;
    let once = format!("{}/{}", workspace.name, asked.trigger);
    open(app, person, Report { service, summary, priority, once }).await
}

async fn stand_in(
    app: &App,
    workspace: &Workspace,
    person: &Person,
    asked: &Asked,
    wanted: StandIn,
) -> Result<Said, Said> {
    let (policy, now) = (app.handle().policy(), app.handle().now());
    let schedule = known(&wanted.schedule, "schedule", policy.schedules.keys())?;
    let me_or = async |text: &str| match text {
        "me" => Ok(person.id.clone()),
        other => named_person(app, workspace, other).await,
    };
    let who = me_or(&wanted.who).await?;
    let whom = match &wanted.whom {
        Some(text) => Some(me_or(text).await?),
        None => None,
    };
    let zone = policy.schedules.get(&schedule).map(|schedule| &schedule.spec().timezone);
    let at = |name: &str, text: &str| match zone {
        Some(zone) => moment(name, text, zone).map_err(|failure| Said::Text(block(failure.detail(), 600))),
        None => Ok(now),
    };
    let (start, end) = match &wanted.when {
        When::Lasting(lasts) => (now, now.plus(*lasts)),
        When::Between(from, to) => (at("from", from)?, at("to", to)?),
    };
    let kind = match &whom {
        Some(user) => OverrideKind::Replace { user: user.clone(), with: who.clone() },
        None => OverrideKind::Set(vec![who.clone()]),
    };
    let change = Override { start, end, role: wanted.role.map(Name::from), kind };
    // The same request again is the same override.
    let mark = mark("override", &format!("{}/{}", workspace.name, asked.trigger));
    let request = u64::from_be_bytes(mark[..8].try_into().unwrap_or_default());
    if app.handle().read(|state| state.stand_ins.override_of(request).is_some()) {
        return Ok(Said::Text("This came twice and was done once.".to_owned()));
    }
    let new = NewOverride { request, schedule: schedule.clone(), change, why: "made in Slack".to_owned() };
    let (by, verb) = (Actor::Person(person.id.clone()), Verb::AddOverride(Box::new(new)));
    let made = attempt(app, by, verb, |state| state.stand_ins.override_of(request).cloned()).await;
    let made = made.map_err(|why| match why {
        NotDone::Refused(refusal) => Said::Text(format!("{} Nothing was done.", block(&sentence(refusal.why()), 600))),
        NotDone::Failed(_) => Said::Failed(say::NOT_WRITTEN.to_owned()),
    })?;
    let whom = whom.map_or_else(String::new, |whom| format!(" for {}", say::person_name(&policy, &whom)));
    let at = |at: Timestamp| wording::moment(at, &person.zone, now);
    let notes = app.handle().read(|state| notes(state, &policy, &made));
    let notes: Vec<String> = notes.iter().map(|note| block(&sentence(note), 300)).collect();
    let notes = notes.join(" ");
    Ok(Said::Text(format!(
        "{} stands in{whom} in {} from {} until {}. {notes}",
        say::person_name(&policy, &who),
        say::typed(&schedule),
        at(made.asked.change.start),
        at(made.asked.change.end),
    )))
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
}

async fn silence(
    app: &App,
    workspace: &Workspace,
    person: &Person,
    asked: &Asked,
    matchers: &str,
    lasts: Span,
    comment: String,
) -> Result<Said, Said> {
    let (policy, now) = (app.handle().policy(), app.handle().now());
    let comment = if comment.is_empty() { "made in Slack".to_owned() } else { comment };
    let made = of_person(matchers, lasts, comment, person.id.clone(), now);
    let silence = made.map_err(|why| Said::Text(block(&why, 600)))?;
    let team = team_of(&silence, &policy).ok_or_else(|| {
        Said::Text(
            "A silence made here belongs to a team of yours: add a matcher `service=\"…\"` of one of its services, or `team=\"…\"`."
                .to_owned(),
        )
    })?;
    if !may_act_for(workspace.act, &person.id, &team, &policy) {
        return Err(Said::Text(format!(
            "Sorry, that would silence alerts of team {}, and you are not in it, so nothing was done.",
            say::typed(&team)
        )));
    }
    room_for_silence(app).map_err(Said::Text)?;
    // The same request again makes the same silence again.
    let id = SilenceId(u128::from_be_bytes(mark("silence", &format!("{}/{}", workspace.name, asked.trigger))));
    let ends_at = silence.ends_at;
    let verb = Verb::AddSilence(SilenceSpec { id, ..silence });
    if app.handle().command(Command { by: Actor::Person(person.id.clone()), verb }).await.is_err() {
        return Err(Said::Failed(say::NOT_WRITTEN.to_owned()));
    }
    let until = wording::moment(ends_at, &person.zone, now);
    Ok(Said::Text(format!("What matches stays quiet until {until}. `callout silence expire {id}` ends it earlier.")))
}

/// The team to which a silence belongs: the one that it names, or the owner of the service that it names.
fn team_of(silence: &SilenceSpec, policy: &Policy) -> Option<Name> {
    let named = |name: &str| {
        let exact = silence.matchers.iter().find(|m| m.name == name && !m.is_regex && m.is_equal);
        exact.map(|matcher| matcher.value.as_str())
    };
    let of_service = named("service").and_then(|service| policy.services.get(service)).map(|service| &service.team);
    of_service.cloned().or_else(|| named("team").map(Name::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_as_people_type_them() {
        let id = IncidentId(17);
        for (text, wish) in [
            ("", Wish::Help),
            ("help", Wish::Help),
            ("who", Wish::Who(None)),
            ("who checkout", Wish::Who(Some("checkout".into()))),
            ("status", Wish::Status(None)),
            ("status #17", Wish::Status(Some(id))),
            ("ACK 17", Wish::Acknowledge(id)),
            ("acknowledge  #17 ", Wish::Acknowledge(id)),
            ("snooze 17 2h", Wish::Snooze(id, Span::from_hours(2))),
            ("snooze 17 for 1h30m", Wish::Snooze(id, Span::from_minutes(90))),
            ("resolve 17", Wish::Resolve(id)),
            ("escalate 17", Wish::Escalate(id)),
            ("reassign 17 @bo <@U0ANN|ann>", Wish::Reassign(id, vec!["@bo".into(), "<@U0ANN|ann>".into()])),
            ("priority 17 p1", Wish::Priority(id, "p1".into())),
            (
                "override checkout @bo for me 4h role=main",
                Wish::Override(StandIn {
                    schedule: "checkout".into(),
                    who: "@bo".into(),
                    whom: Some("me".into()),
                    role: Some("main".into()),
                    when: When::Lasting(Span::from_hours(4)),
                }),
            ),
            (
                "override checkout me 2026-12-24T09:00 2026-12-28T09:00",
                Wish::Override(StandIn {
                    schedule: "checkout".into(),
                    who: "me".into(),
                    whom: None,
                    role: None,
                    when: When::Between("2026-12-24T09:00".into(), "2026-12-28T09:00".into()),
                }),
            ),
            ("note 17 rolled back  twice", Wish::Note(id, "rolled back  twice".into())),
            (
                "open data-api nobody can log on priority=P1",
                Wish::Open {
                    service: "data-api".into(),
                    summary: "nobody can log on".into(),
                    priority: Some("P1".into()),
                },
            ),
        ] {
            assert_eq!(read(text), Ok(wish), "{text}");
        }
        let silence = read("silence service=“data-api” for 2h patching");
        let lasts = Span::from_hours(2);
        let (matchers, comment) = ("service=\"data-api\"".to_owned(), "patching".to_owned());
        assert_eq!(silence, Ok(Wish::Silence { matchers, lasts, comment }));
    }

    #[test]
    fn what_is_wrong_is_said_with_what_would_be_right() {
        for (text, words) in [
            ("akc 17", &["`akc` is not understood", "Did you mean `ack`?"][..]),
            ("ack", &["by its number", "`/callout ack 17`"]),
            ("ack seventeen", &["`seventeen` is not the number"]),
            ("ack 17 18", &["`18` is not understood here"]),
            ("snooze 17", &["for how long", "`/callout snooze 17 2h`"]),
            ("snooze 17 forever", &["for how long"]),
            ("reassign 17", &["to whom"]),
            ("priority 17", &["which priority"]),
            ("open data-api", &["what is wrong"]),
            ("silence service=\"x\"", &["for how long"]),
            ("override checkout", &["in which schedule, who", "override checkout me 4h"]),
            ("override checkout for", &["in which schedule, who"]),
            ("<!channel>", &["`&lt;!channel&gt;` is not understood"]),
        ] {
            let why = read(text).unwrap_err();
            assert!(words.iter().all(|word| why.contains(word)), "{text}: {why}");
        }
    }
}
