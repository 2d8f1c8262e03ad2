//! The story: three breaches, who was told and why, and what an acknowledgement does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::StatusCode;
use serde_json::Value;

use super::expect::{MAILBOX, ROOM, link, missing, unanswered};
use super::print::{self, BAD, GOOD, SOFT, styled};
use super::seen::Received;
use super::stand_ins::StandIns;
use super::{breaches, view};
use crate::domain::{ChannelKind, EventId, IncidentId};
use crate::engine::Policy;
use crate::engine::state::{Incident, Recipient, Status};
use crate::projection::{Explanation, ExplanationLine};
use crate::runtime::Handle;

/// Every expected message arrives within this time.
const ARRIVE: Duration = Duration::from_secs(20);
/// What callout decides is seen within this time.
const DECIDE: Duration = Duration::from_secs(10);
/// How often the state is looked at while something is waited for.
const LOOK: Duration = Duration::from_millis(20);
/// Deadline of one request.
const REQUEST: Duration = Duration::from_secs(10);

/// A story about to be told.
pub struct Story {
    handle: Handle,
    base: String,
    stand_ins: StandIns,
    client: reqwest::Client,
}

/// What is known once the pages are out.
pub struct Told {
    incident: IncidentId,
    /// The person on call: id, name, address in Slack.
    person: (String, String, String),
    /// What did not arrive.
    missing: Vec<String>,
}

impl Told {
    /// Whether everything that was expected so far arrived.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// Says what came and whether all did.
    pub fn print_end(&self) -> bool {
        let missing = &self.missing;
        if missing.is_empty() {
            print::put(&format!("\n{} every expected message arrived.\n", styled(GOOD, "✓")));
            return true;
        }
        print::put(&format!("\n{} not everything arrived. Missing:\n", styled(BAD, "✗")));
        let lines: Vec<[String; 1]> = missing.iter().map(|what| [what.clone()]).collect();
        print::rows(&lines);
        false
    }
}

impl Story {
    /// About the service behind `handle`, which listens at `base`.
    ///
    /// # Errors
    /// When there can be no client.
    pub fn new(handle: Handle, base: String, stand_ins: StandIns) -> anyhow::Result<Self> {
        // Everything is on this machine; a proxy would not find it.
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(REQUEST)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("could not make a client")?;
        Ok(Self { handle, base, stand_ins, client })
    }

    /// Posts the breaches, waits for the messages, says who was told and why.
    ///
    /// # Errors
    /// When a breach is refused or nothing comes of it; a missing message is no error but told.
    pub async fn tell(&self) -> anyhow::Result<Told> {
        let (worked, small) = (breaches::worked(self.handle.now()), breaches::small(self.handle.now()));
        let first = self.post(&worked).await?;
        let incident = self.incident_of(first).await?;
        let second = self.post(&worked).await?;
        let third = self.post(&small).await?;
        let opened = format!("{}; opened incident {}", self.word(first, "timeliness").await?, incident.id);
        let counted = format!("{}; nobody is told again", self.word(second, "dedup").await?);
        let outcomes = [opened, counted, self.word(third, "timeliness").await?];
        self.print_posted([(&worked, first), (&worked, second), (&small, third)], &outcomes);

        let person = self.on_call(&incident)?;
        let received = self.stand_ins.seen.wait(ARRIVE, |received| missing(received, &person.2).is_empty()).await;
        let missing = missing(&received, &person.2);
        let incident = self.settled(incident.id).await?;
        let why = self.explain(incident.id).await?;
        self.print_told(&incident, &why);
        print_why(&why);
        print_slack(&received);
        Ok(Told { incident: incident.id, person, missing })
    }

    /// Acknowledges as the person on call does, and waits until everybody who was told hears of it.
    ///
    /// # Errors
    /// When a request fails; what does not arrive is added to what is missing.
    pub async fn acknowledge(&self, told: &mut Told) -> anyhow::Result<()> {
        let (id, name, address) = told.person.clone();
        let link =
            link(&self.stand_ins.seen.now(), &address).context("the page in Slack has no link to acknowledge")?;
        ensure!(link.starts_with(&self.base), "the link leads elsewhere: {link}");
        let path = link.trim_start_matches(&self.base).split('?').next().unwrap_or_default();
        let short: String = path.chars().take(14).chain("…".chars()).collect();

        let shown = self.client.get(&link).send().await.context("could not open the link")?.status();
        ensure!(shown == StatusCode::OK, "the page behind the link answered {shown}");
        let still = self.incident(told.incident)?.status;
        let request = self
            .client
            .post(format!("{}{path}", self.base))
            .header("content-type", "application/x-www-form-urlencoded");
        let done = request.body("do=acknowledge").send().await.context("could not press the button")?.status();
        ensure!(done == StatusCode::OK, "the button answered {done}");
        let now = self.incident(told.incident)?.status;

        let seen = &self.stand_ins.seen;
        let received = seen.wait(ARRIVE, |received| unanswered(received, &address).is_empty()).await;
        told.missing.extend(unanswered(&received, &address));
        if !matches!(&now, Status::Acknowledged { by, .. } if by.label() == id) {
            told.missing.push(format!("the acknowledgement by {name}"));
        }
        let first = |view: Option<view::View>| view.map_or_else(|| "nothing".to_owned(), |view| view.first);
        let changed = received.slack.iter().find(|m| m.channel == ROOM && m.edits > 0).map(view::slack);
        let thread = received.slack.iter().find(|m| m.channel == ROOM && m.thread.is_some()).map(view::slack);
        let mail = received.mail.iter().find(|mail| mail.in_reply_to.is_some()).map(view::mail);
        print::title("Acknowledged", &format!("{name} opens the link of the page in Slack and presses the button"));
        let (shown, done) = (shown.as_u16(), done.as_u16());
        print::rows(&[
            [
                format!("GET {short}"),
                format!("{shown}, shows the incident and changes nothing: still {}", still.as_str()),
            ],
            [format!("POST {short}"), format!("{done}, {} by {name}; the escalation stops", now.as_str())],
            [format!("Slack {ROOM}"), format!("changed in place: {}", first(changed))],
            ["  in its thread".to_owned(), first(thread)],
            ["Teams eu".to_owned(), first(received.teams.last().map(view::card))],
            [format!("email {MAILBOX}"), first(mail)],
        ]);
        self.settled(told.incident).await?;
        let why = self.explain(told.incident).await?;
        if let Some(at) = why.lines.iter().rposition(|line| line.rule == "person") {
            let lines: Vec<_> = why.lines[at..].iter().map(row).collect();
            print::title("Why", "what callout recorded since");
            print::rows(&lines);
        }
        Ok(())
    }

    /// Where to look, and what to try.
    pub fn print_addresses(&self, told: &Told) {
        let Self { base, .. } = self;
        print::title("Look", "in a browser, while the demo runs");
        print::rows(&[
            ["the incident".to_owned(), format!("{base}/incidents/{}", told.incident)],
            ["all incidents".to_owned(), format!("{base}/incidents")],
            ["what Slack, Teams and mail got".to_owned(), self.stand_ins.page()],
        ]);
        print::title("Try", "another breach; see it at the addresses above");
        let paste = breaches::to_paste(base);
        print::put(&format!("\n{paste}"));
    }

    /// Prints what arrives from here on, for ever.
    pub async fn follow(&self) {
        let mut last = self.stand_ins.seen.now().count;
        loop {
            for arrival in self.stand_ins.seen.after(last).await {
                let zone = crate::channel::wording::zone(&self.handle.policy().organisation.timezone);
                let time = self.handle.now().to_jiff().to_zoned(zone).strftime("%H:%M:%S").to_string();
                let to = format!("{} {}", arrival.channel, arrival.to);
                print::put(&format!("  {}  {to:34}  {}\n", styled(SOFT, &time), arrival.what));
                last = arrival.number;
            }
        }
    }

    async fn post(&self, breach: &Value) -> anyhow::Result<EventId> {
        let request = self.client.post(format!("{}/v1/breaches", self.base)).json(breach);
        let answer = request.send().await.context("could not post the breach")?;
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        ensure!(status == StatusCode::ACCEPTED, "the breach was refused with {status}: {text}");
        let answer: Value = serde_json::from_str(&text).context("the answer is not JSON")?;
        let event = answer["accepted"][0]["event"].as_str().context("the answer names no event")?;
        Ok(event.parse()?)
    }

    fn incident(&self, id: IncidentId) -> anyhow::Result<Incident> {
        let found = self.handle.read(|state| state.incidents.get(&id).cloned());
        found.map(|incident| Incident::clone(&incident)).with_context(|| format!("incident {id} is gone"))
    }

    async fn incident_of(&self, event: EventId) -> anyhow::Result<Arc<Incident>> {
        let look = || self.handle.read(|state| state.incidents.values().find(|i| i.event_id == event).cloned());
        until(look).await.context("no incident came of the breach")
    }

    /// The incident once everybody who is told has been reported as told, or as it is when that takes too long.
    async fn settled(&self, id: IncidentId) -> anyhow::Result<Incident> {
        let sent =
            || self.handle.read(|state| state.incidents.get(&id).is_some_and(|i| i.pending.is_empty()).then_some(()));
        let _ = until(sent).await;
        self.incident(id)
    }

    async fn explain(&self, id: IncidentId) -> anyhow::Result<Explanation> {
        let found = self.handle.explain_incident(id).await.map_err(anyhow::Error::msg)?;
        found.with_context(|| format!("incident {id} is not in the journal"))
    }

    /// What a rule said of an event, once it did.
    async fn word(&self, event: EventId, rule: &str) -> anyhow::Result<String> {
        let look = async {
            loop {
                let found = self.handle.explain_event(event).await.map_err(anyhow::Error::msg)?;
                let lines = found.map(|explanation| explanation.lines).unwrap_or_default();
                if let Some(line) = lines.iter().find(|line| line.rule == rule) {
                    return Ok(line.because.clone());
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(DECIDE, look)
            .await
            .unwrap_or_else(|_| Err(anyhow::anyhow!("nothing became of event {event}")))
    }

    /// The person whom the first step of the escalation reaches.
    fn on_call(&self, incident: &Incident) -> anyhow::Result<(String, String, String)> {
        let policy = self.handle.policy();
        let id = incident.paged.first().context("nobody was on call")?;
        let person = policy.people.get(id).context("the person on call is not configured")?;
        let contact = person.contacts.iter().find(|contact| contact.channel.kind == ChannelKind::Slack);
        let address =
            contact.map(|contact| contact.address.to_string()).context("the person on call is not in Slack")?;
        Ok((id.to_string(), person.name.clone(), address))
    }

    fn print_posted(&self, posted: [(&Value, EventId); 3], outcomes: &[String; 3]) {
        print::title("Posted", &format!("POST {}/v1/breaches", self.base));
        let mut rows = Vec::new();
        for (position, ((breach, event), outcome)) in posted.into_iter().zip(outcomes).enumerate() {
            let words = if position == 1 { "the same once more".to_owned() } else { breaches::in_words(breach) };
            rows.push([event.to_string(), words]);
            rows.push([String::new(), format!("→ {outcome}")]);
        }
        print::rows(&rows);
    }

    fn print_told(&self, incident: &Incident, why: &Explanation) {
        let policy = self.handle.policy();
        let said =
            |rule: &str| why.lines.iter().find(|l| l.rule == rule).map(|l| l.because.clone()).unwrap_or_default();
        let mut people = Vec::new();
        let mut rooms = Vec::new();
        let told: BTreeSet<&Recipient> = incident.sent.iter().map(|sent| &sent.to).collect();
        for to in told {
            match to {
                Recipient::Person { person, .. } => {
                    people.push([name_of(&policy, person), through(&policy, to), "paged".to_owned(), said("schedule")]);
                }
                Recipient::Channel(_) => {
                    let because = if rooms.is_empty() { said("route") } else { "as above".to_owned() };
                    rooms.push([format!("team {}", incident.team), through(&policy, to), "told".to_owned(), because]);
                }
            }
        }
        people.extend(rooms);
        print::title("Who was told", "through what, and why");
        print::rows(&people);
    }
}

fn name_of(policy: &Policy, person: &str) -> String {
    policy.people.get(person).map_or_else(|| person.to_owned(), |known| known.name.clone())
}

/// `Slack U01ANA`, `Slack #ops`, `Teams eu`, `email ops@acme.example`.
fn through(policy: &Policy, to: &Recipient) -> String {
    let channel = to.channel();
    let address = match to {
        Recipient::Channel(destination) => destination.address.as_str(),
        Recipient::Person { person, .. } => {
            policy.contact(person, channel).map_or("", |contact| contact.address.as_str())
        }
    };
    let title = channel.kind.title();
    if address.is_empty() { format!("{title} {}", channel.name) } else { format!("{title} {address}") }
}

/// A line of an explanation.
fn row(line: &ExplanationLine) -> [String; 2] {
    [line.rule.clone(), line.because.clone()]
}

fn print_why(why: &Explanation) {
    print::title("Why", &format!("callout explain {}", why.subject.trim_start_matches("incident ")));
    let mut rows = Vec::new();
    let mut last = "";
    for line in &why.lines {
        // A space before each breach, and between what was decided and what became of it.
        if !rows.is_empty() && (line.rule == "breach" || (line.rule == "delivery" && last != "delivery")) {
            rows.push([String::new(), String::new()]);
        }
        rows.push(row(line));
        last = &line.rule;
    }
    print::rows(&rows);
}

/// The message in the team's room, in short.
fn print_slack(received: &Received) {
    const FACTS: usize = 6;
    let Some(message) = received.slack.iter().find(|m| m.channel == ROOM) else { return };
    let view = view::slack(message);
    print::title(&format!("In Slack, {ROOM}"), "in short; the whole of it at the addresses below");
    let mut lines = vec![view.first];
    lines.extend(view.lines.into_iter().take(1));
    lines.extend(view.facts.iter().take(FACTS).map(|(name, value)| format!("{name}: {value}")));
    let buttons: Vec<String> = view.buttons.iter().map(|(label, _)| format!("[{label}]")).collect();
    lines.push(buttons.join(" "));
    print::quoted(&lines);
}

/// Looks until there is something, at most [`DECIDE`] long.
async fn until<T>(look: impl Fn() -> Option<T>) -> Option<T> {
    let looking = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(DECIDE, looking).await.ok()
}
