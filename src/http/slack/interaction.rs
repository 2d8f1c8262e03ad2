//! Buttons, menus, forms and shortcuts.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::act::{Person, acknowledge_digest, act, find, permit, person, until};
use super::{Said, open, say};
use crate::channel::slack::modal;
use crate::channel::slack::press::{Press, Pressed};
use crate::domain::{IncidentId, Name};
use crate::engine::Verb;
use crate::http::App;
use crate::runtime::slack::Workspace;

/// What Slack sends. Only what is used is read; everything may be absent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Payload {
    r#type: String,
    callback_id: String,
    user: User,
    team: Option<Team>,
    pub trigger_id: String,
    pub response_url: String,
    actions: Vec<Action>,
    view: Value,
    message: Value,
    channel: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct User {
    id: String,
    team_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Team {
    id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Action {
    value: Option<String>,
    selected_option: Option<Choice>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Choice {
    value: String,
}

impl Payload {
    /// Reads the field `payload`.
    pub fn read(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Whether a form came back, whose answer is shown in it.
    pub fn is_form(&self) -> bool {
        self.r#type == "view_submission"
    }

    /// Whether they are of another workspace, in a room that is shared with it.
    fn is_guest(&self) -> bool {
        match (&self.team, &self.user.team_id) {
            (Some(team), Some(own)) => team.id != *own,
            _ => false,
        }
    }
}

/// Does what it says.
pub async fn work(app: App, workspace: Arc<Workspace>, payload: Payload) -> Said {
    let done = match payload.r#type.as_str() {
        "block_actions" => press(&app, &workspace, &payload).await,
        "view_submission" => submitted(&app, &workspace, &payload).await,
        "message_action" | "shortcut" => shortcut(&app, &workspace, &payload).await,
        _ => Ok(Said::Quiet),
    };
    done.unwrap_or_else(|said| said)
}

async fn press(app: &App, workspace: &Workspace, payload: &Payload) -> Result<Said, Said> {
    let action = payload.actions.first();
    let value = action.and_then(|a| a.selected_option.as_ref().map(|c| c.value.as_str()).or(a.value.as_deref()));
    // Slack tells of links that were opened, too.
    let Some(pressed) = value.and_then(Pressed::read) else { return Ok(Said::Quiet) };
    let person = person(app, workspace, &payload.user.id, payload.is_guest()).await?;
    let (incident, press) = match pressed {
        Pressed::Digest(digest) => return acknowledge_digest(app, workspace, &person, digest).await,
        Pressed::Incident(incident, press) => (incident, press),
    };
    let verb = match press {
        Press::Acknowledge => Verb::Acknowledge { incident },
        Press::Resolve => Verb::Resolve { incident },
        Press::Escalate { round, step } => Verb::EscalateFrom { incident, round, step },
        Press::Snooze(word) => {
            let until = until(word, &person, app.handle().now()).ok_or(Said::Quiet)?;
            Verb::Snooze { incident, until }
        }
        Press::Priority(priority) => {
            if !app.handle().policy().priorities.contains_key(&priority) {
                let text = format!("There is no priority {} any more.", say::typed(&priority));
                return Err(Said::Text(text));
            }
            Verb::SetPriority { incident, priority: Some(priority) }
        }
        Press::Reassign => return ask_to_whom(app, workspace, payload, &person, incident).await,
    };
    act(app, workspace, &person, verb, false).await
}

async fn ask_to_whom(
    app: &App,
    workspace: &Workspace,
    payload: &Payload,
    person: &Person,
    id: IncidentId,
) -> Result<Said, Said> {
    let incident = find(app, id)?;
    permit(app, workspace, person, &incident)?;
    if !incident.status.is_open() {
        return Err(Said::Text(say::stands(&incident, &app.handle().policy(), &person.zone, app.handle().now())));
    }
    show(workspace, payload, &modal::reassign(id)).await
}

/// Opens a form.
async fn show(workspace: &Workspace, payload: &Payload, view: &Value) -> Result<Said, Said> {
    let Some(api) = &workspace.api else { return Err(Said::Text("This needs the bot token of the app.".to_owned())) };
    match api.call("views.open", &json!({"trigger_id": payload.trigger_id, "view": view})).await {
        Ok(_) => Ok(Said::Quiet),
        Err(error) => {
            tracing::warn!(channel = %workspace.name, error = %error, "a form could not be opened");
            Err(Said::Failed("Slack did not open the form; nothing was done. Please try again.".to_owned()))
        }
    }
}

async fn submitted(app: &App, workspace: &Workspace, payload: &Payload) -> Result<Said, Said> {
    let person = person(app, workspace, &payload.user.id, payload.is_guest()).await?;
    match payload.view["callback_id"].as_str() {
        Some(modal::REASSIGN) => hand_over(app, workspace, payload, &person).await,
        Some(modal::OPEN) => open::by_form(app, workspace, &person, &payload.view).await,
        _ => Ok(Said::Quiet),
    }
}

async fn hand_over(app: &App, workspace: &Workspace, payload: &Payload, by: &Person) -> Result<Said, Said> {
    let id = payload.view["private_metadata"].as_str().and_then(|text| text.parse().ok());
    let Some(incident) = id else { return Ok(Said::Quiet) };
    let mut people: Vec<Name> = Vec::new();
    for user in modal::people(&payload.view) {
        match person(app, workspace, &user, false).await {
            Ok(known) if people.contains(&known.id) => {}
            Ok(known) => people.push(known.id),
            Err(_) => {
                let text = "callout does not know one of them, so it could not page them. Choose somebody who is in its configuration.";
                return Err(Said::Wrong("people", text.to_owned()));
            }
        }
    }
    if people.is_empty() {
        return Err(Said::Wrong("people", "Choose at least one person.".to_owned()));
    }
    act(app, workspace, by, Verb::ReassignPeople { incident, people }, true).await
}

async fn shortcut(app: &App, workspace: &Workspace, payload: &Payload) -> Result<Said, Said> {
    if payload.callback_id != modal::OPEN {
        return Ok(Said::Quiet);
    }
    person(app, workspace, &payload.user.id, payload.is_guest()).await?;
    let policy = app.handle().policy();
    let services: Vec<&Name> = policy.services.keys().collect();
    let priorities: Vec<&Name> = policy.priorities.keys().collect();
    let text = payload.message["text"].as_str().unwrap_or_default();
    let place = payload.channel["id"].as_str().zip(payload.message["ts"].as_str());
    let carried = place.map_or_else(String::new, |(channel, ts)| format!("{channel}/{ts}"));
    let carried = if carried.len() > modal::CARRIED_MAX { String::new() } else { carried };
    show(workspace, payload, &modal::open(&services, &priorities, text, &carried)).await
}
