//! Slack's requests where the journal cannot be written: nothing is answered as done, and the same request is done later.

use super::*;
use crate::auth::slack::sign_for_tests as sign;
use crate::config::SlackSettings;
use crate::config::{ChannelSettings, SecretRef};
use crate::domain::{ChannelKind, ChannelRef};

const SECRET: &str = "a-secret-of-tests";

impl World {
    /// Has a Slack channel `main`, in which ana is `U0ANA`; nobody is contacted.
    fn with_slack(&self) {
        let common = crate::config::Common {
            ca_file: None,
            allow_private: true,
            timeout: Span::from_seconds(1),
            give_up: Span::from_seconds(1),
            interval: None,
        };
        let secret = SecretRef::Env("SIGNING".to_owned());
        let slack = SlackSettings {
            token: None,
            webhook: None,
            api_url: "http://127.0.0.1:9/".to_owned(),
            signing_secret: Some(secret),
            previous_signing_secret: None,
            act: crate::config::WhoActs::Team,
            rooms: None,
            pictures: false,
            common,
        };
        let mut settings = crate::config::Settings::default();
        let reference = ChannelRef { kind: ChannelKind::Slack, name: "main".into() };
        settings.channels.insert(reference, ChannelSettings::Slack(slack));
        let made = Workspaces::prepare(&settings, &|_| Ok(SECRET.to_owned().into())).unwrap();
        self.app.workspaces().install(made);
    }

    async fn slack(&self, what: &str, body: &str) -> Response<Bytes> {
        let time = (self.app.handle().now().as_millis() / 1000).to_string();
        let request = Request::post(format!("/hooks/slack/main/{what}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("x-slack-request-timestamp", &time)
            .header("x-slack-signature", sign(SECRET, &time, body.as_bytes()));
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }
}

#[tokio::test]
async fn what_cannot_be_written_is_not_answered_as_done_and_is_done_when_it_comes_again() {
    let world = World::new();
    world.with_slack();
    let incident = world.incident("data-api").await;
    let payload = json!({
        "type": "block_actions", "user": {"id": "U0ANA"}, "trigger_id": "1.2.3", "response_url": "",
        "actions": [{"value": format!("{incident} acknowledge")}],
    });
    let press = format!("payload={}", payload.to_string().replace('%', "%25").replace('&', "%26").replace('+', "%2B"));
    let command = format!("user_id=U0ANA&command=%2Fcallout&text=resolve+{incident}&trigger_id=4.5.6");
    let status = async |world: &World| world.get_json(&format!("/v1/incidents/{incident}")).await["status"].clone();

    world.journal.set_full(Some(Room::Reserve));
    let refused = world.slack("interactions", &press).await;
    assert_eq!(refused.status(), 503, "{}", text(&refused));
    let refused = world.slack("commands", &command).await;
    assert_eq!(refused.status(), 200);
    assert!(text(&refused).contains("could not write it down, so nothing was done"), "{}", text(&refused));
    assert_eq!(status(&world).await, "triggered");

    world.journal.set_full(None);
    let pressed = world.slack("interactions", &press).await;
    assert_eq!((pressed.status(), pressed.body().len()), (StatusCode::OK, 0), "{}", text(&pressed));
    assert_eq!(status(&world).await, "acknowledged");
    let typed = world.slack("commands", &command).await;
    assert!(text(&typed).contains("is resolved."), "{}", text(&typed));
    let again = world.slack("commands", &command).await;
    assert!(text(&again).contains("This came twice and was done once."), "{}", text(&again));
    assert_eq!(status(&world).await, "resolved");
}
