//! `[templates]` and `[teams.<name>.templates]`.

use std::sync::Arc;

use super::Compiler;
use crate::config::diagnostic::Diagnostic;
use crate::config::keys;
use crate::config::template::{self, Templates, Texts};
use crate::config::tree::Entry;
use crate::config::view::View;
use crate::domain::Name;

impl<'a> Compiler<'a> {
    /// All templates, each tried on a made-up incident.
    pub(super) fn templates(&mut self) -> Templates {
        let organisation = self.root.entries().iter().find(|entry| entry.key == "templates");
        let organisation = organisation.map(|entry| self.texts(entry)).unwrap_or_default();
        let mut templates = Templates { organisation, ..Templates::default() };
        let teams: Vec<&'a Entry> = self.things("teams").collect();
        for team in teams {
            if let Some(own) = team.node.entries().iter().find(|entry| entry.key == "templates") {
                let texts = self.texts(own);
                templates.teams.insert(Name::from(team.key.as_str()), texts);
            }
        }
        templates
    }

    fn texts(&mut self, entry: &'a Entry) -> Texts {
        let view = View::entry(entry, &keys::TEMPLATES);
        Texts { headline: self.template(&view, "headline"), details: self.template(&view, "details") }
    }

    fn template(&mut self, view: &View<'a>, key: &str) -> Option<Arc<str>> {
        let source = view.text(key)?;
        if let Err(error) = template::check(source) {
            let text = format!("the template `{key}` cannot be used: {error}");
            self.findings.push(Diagnostic::error("bad-template", view.place_of(key), text).hint(
                "there are incident, headline, details, status, priority, severity, team, service, labels and annotations; \
                 for a label that may be missing write `{{ labels.host | default('') }}`",
            ));
            return None;
        }
        Some(Arc::from(source))
    }
}
