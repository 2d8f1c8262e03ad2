//! `[channels.http.NAME]` over the description that it uses: what it says itself comes first. Every template is tried on made-up messages.

use std::collections::{BTreeMap, BTreeSet};

use super::Compiler;
use crate::config::diagnostic::{Diagnostic, listed, nearest, quotable};
use crate::config::format;
use crate::config::keys;
use crate::config::notifier::callback::{Act, Callback};
use crate::config::notifier::text::{self, Place as Written};
use crate::config::notifier::{
    Addresses, Answer, Body, Cut, Notifier, Occasion, STEPS_MAX, Sample, Scalar, Step, Steps, Values, request, samples,
};
use crate::config::settings::{HttpSettings, HttpTarget, SecretRef};
use crate::config::source::Place;
use crate::config::tree::{Entry, Node, Value};
use crate::config::view::View;
use crate::domain::{ChannelRef, Destination, Name};
use crate::engine::policy::ChannelPolicy;

/// Requests under way at once, unless said otherwise.
const CONCURRENCY_DEFAULT: u32 = 4;
/// Words for urgency beside the names of priorities.
const URGENCIES: [&str; 3] = ["high", "normal", "over"];

/// A channel over the description that it uses.
#[derive(Clone, Copy)]
struct Layered<'a> {
    own: View<'a>,
    base: Option<View<'a>>,
}

impl<'a> Layered<'a> {
    /// The value of a key, the channel's own first.
    fn get(&self, key: &str) -> Option<&'a Node> {
        self.own.get(key).or_else(|| self.base.as_ref()?.get(key))
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        self.get(key)?.text()
    }

    fn truth(&self, key: &str, default: bool) -> bool {
        let of_base = self.base.as_ref().map_or(default, |base| base.truth(key, default));
        self.own.truth(key, of_base)
    }

    /// The entries of a table in both, the channel's own last.
    fn entries(&self, key: &str) -> impl Iterator<Item = &'a Entry> {
        let of = |view: Option<&View<'a>>| view.and_then(|v| v.get(key)).map(Node::entries).unwrap_or_default();
        of(self.base.as_ref()).iter().chain(of(Some(&self.own)))
    }

    fn place_of(&self, key: &str) -> Place {
        self.get(key).map_or(self.own.place, |node| node.place)
    }
}

fn scalar(node: &Node) -> Option<Scalar> {
    match &node.value {
        Value::Text(text) => Some(Scalar::Text(text.clone())),
        Value::Whole(number) => Some(Scalar::Whole(*number)),
        Value::Truth(truth) => Some(Scalar::Truth(*truth)),
        _ => None,
    }
}

fn texts(node: Option<&Node>) -> Vec<(String, String)> {
    let entries = node.map(Node::entries).unwrap_or_default();
    entries.iter().filter_map(|e| Some((e.key.clone(), e.node.text()?.to_owned()))).collect()
}

impl<'a> Compiler<'a> {
    fn layered(&self, view: &View<'a>) -> Layered<'a> {
        let used = view.text("use").and_then(|name| {
            let entries = self.root.get("notifiers").map(Node::entries).unwrap_or_default();
            entries.iter().find(|entry| entry.key == name)
        });
        Layered { own: *view, base: used.map(|entry| View::entry(entry, &keys::NOTIFIER)) }
    }

    /// What the engine knows of it.
    pub(super) fn http_policy(&mut self, view: &View<'a>, fallback: Option<Destination>) -> ChannelPolicy {
        let both = self.layered(view);
        let from = view.text("from").and_then(|name| {
            let mut names: Vec<&str> = self.defined.of(crate::config::shape::Noun::Priority).collect();
            names.sort_unstable();
            names.iter().position(|known| *known == name).and_then(|rank| u8::try_from(rank).ok())
        });
        ChannelPolicy {
            fallback,
            follow_up: both.truth("follow_up", true),
            digest: both.truth("digest", true),
            in_place: both.truth("in_place", false),
            from,
            rooms: None,
        }
    }

    /// The settings of a channel over HTTP.
    pub(super) fn http(&mut self, view: &View<'a>, channel: &ChannelRef) -> Option<HttpSettings> {
        let before = self.findings.errors();
        let both = self.layered(view);
        let of_base = both.base.and_then(|base| base.string("url")).map(HttpTarget::Plain);
        let url = self.target(view, "url").or(of_base);
        self.needs_url(view, url.is_some());
        let values = self.http_values(&both);
        let secrets = self.http_secrets(&both);
        let notifier = self.notifier(&both);
        let mut common = self.common(view);
        common.interval = common.interval.or_else(|| both.base.as_ref()?.span("interval"));
        if !notifier.steps.contains_key(&Occasion::Send) {
            self.findings.push(
                Diagnostic::error("no-way", view.place, format!("`{channel}` says nothing of what to send"))
                    .hint("add `use = \"…\"` with a description that there is, or a table `send`"),
            );
        }
        if self.findings.errors() == before {
            self.try_notifier(&both, channel, &notifier, &values, &secrets);
        }
        let concurrency = both.get("concurrency").and_then(|node| match node.value {
            Value::Whole(number) => u32::try_from(number).ok(),
            _ => None,
        });
        let concurrency = concurrency.unwrap_or(CONCURRENCY_DEFAULT);
        Some(HttpSettings { url: url?, notifier: notifier.into(), values, secrets, concurrency, common })
    }

    /// Its values: those that the description asks for, or else whatever there is.
    fn http_values(&mut self, both: &Layered<'a>) -> BTreeMap<String, Scalar> {
        let given = both.own.get("values").map(Node::entries).unwrap_or_default();
        let mut values: BTreeMap<String, Scalar> =
            given.iter().filter_map(|e| Some((e.key.clone(), scalar(&e.node)?))).collect();
        let Some(base) = &both.base else { return values };
        let declared = base.get("values").map(Node::entries).unwrap_or_default();
        for entry in given.iter().filter(|entry| !declared.iter().any(|d| d.key == entry.key)) {
            self.unknown_name("value", entry, &declared.iter().map(|d| d.key.as_str()).collect::<Vec<_>>());
        }
        for entry in declared.iter().filter(|entry| !given.iter().any(|g| g.key == entry.key)) {
            let view = View::entry(entry, &keys::VALUE);
            if let Some(default) = view.get("default").and_then(scalar) {
                values.insert(entry.key.clone(), default);
                continue;
            }
            let about = view.text("about").unwrap_or("see its description");
            self.findings.push(
                Diagnostic::error(
                    "missing-value",
                    both.own.place,
                    format!("the value `{}` is missing: {about}", entry.key),
                )
                .hint(format!("add `values = {{ {} = \"…\" }}`", entry.key)),
            );
        }
        values
    }

    /// Its secrets, as references.
    fn http_secrets(&mut self, both: &Layered<'a>) -> BTreeMap<String, SecretRef> {
        let given = both.own.get("secrets").map(Node::entries).unwrap_or_default();
        let mut secrets = BTreeMap::new();
        let mut places = Vec::new();
        for entry in given {
            let text = entry.node.text().unwrap_or_default().to_owned();
            let (name, secret) = match (entry.key.strip_suffix("_env"), entry.key.strip_suffix("_file")) {
                (Some(name), _) => {
                    if let Err(problem) = format::variable(&text) {
                        let mut finding = Diagnostic::error(problem.code, entry.node.place, problem.message);
                        finding.notes = problem.notes;
                        self.findings.push(finding.hints(problem.hints));
                    }
                    (name, SecretRef::Env(text))
                }
                (_, Some(name)) => (name, SecretRef::File(text.into())),
                _ => {
                    let key = quotable(&entry.key);
                    self.findings.push(
                        Diagnostic::error(
                            "unknown-key",
                            entry.key_place,
                            format!("`{key}` does not say where the secret is"),
                        )
                        .note("secrets are not written into the configuration")
                        .hint(format!("use `{key}_env` or `{key}_file`")),
                    );
                    continue;
                }
            };
            places.push((name, entry));
            if secrets.insert(name.to_owned(), secret).is_some() {
                let text = format!("the secret `{}` is set twice, in two ways", quotable(name));
                self.findings.push(Diagnostic::error("two-of-one", entry.key_place, text).hint("keep one of the two"));
            }
        }
        let Some(base) = &both.base else { return secrets };
        let declared = base.get("secrets").map(Node::entries).unwrap_or_default();
        for (_, entry) in places.iter().filter(|(name, _)| !declared.iter().any(|d| d.key == *name)) {
            let known: Vec<String> = declared.iter().map(|d| format!("{}_env", d.key)).collect();
            self.unknown_name("secret", entry, &known.iter().map(String::as_str).collect::<Vec<_>>());
        }
        for entry in declared.iter().filter(|entry| !secrets.contains_key(&entry.key)) {
            let view = View::entry(entry, &keys::SECRET);
            if view.truth("optional", false) {
                continue;
            }
            let about = view.text("about").unwrap_or("see its description");
            self.findings.push(
                Diagnostic::error(
                    "missing-secret",
                    both.own.place,
                    format!("the secret `{}` is missing: {about}", entry.key),
                )
                .hint(format!("add `secrets = {{ {0}_env = \"…\" }}` or `{0}_file`", entry.key)),
            );
        }
        secrets
    }

    fn unknown_name(&mut self, what: &str, entry: &Entry, known: &[&str]) {
        let text = format!("the description has no {what} `{}`", quotable(&entry.key));
        let finding = Diagnostic::error("unknown-key", entry.key_place, text);
        self.findings.push(match nearest(&entry.key, known.iter().copied()) {
            Some(near) => finding.hint(format!("did you mean `{near}`?")),
            None if known.is_empty() => finding.hint("leave it out"),
            None => finding.hint(format!("there are {}", listed(known, 8))),
        });
    }

    fn notifier(&mut self, both: &Layered<'a>) -> Notifier {
        let login = both.get("login").map(|node| View::item(node, &keys::LOGIN_TABLE));
        let mut notifier = Notifier {
            addresses: both.text("address").map_or(Addresses::None, Addresses::read),
            login: login.and_then(|view| Some((view.string("user")?, view.string("password")?))),
            headers: both.entries("headers").filter_map(|e| Some((e.key.clone(), e.node.text()?.to_owned()))).collect(),
            urgency: self.urgency(both),
            replace: self.replaced(both),
            steps: BTreeMap::new(),
            link: both.text("link").map(str::to_owned),
            callback: both.get("callback").and_then(|node| callback(&View::item(node, &keys::CALLBACK))),
            optional: optional(both),
        };
        let headers: BTreeMap<String, String> = notifier.headers.drain(..).collect();
        notifier.headers = headers.into_iter().collect();
        self.address_like(both);
        let answer = self.answer(both.get("answer"), &Answer::default());
        for occasion in Occasion::ALL {
            let Some(node) = both.get(occasion.as_str()) else { continue };
            let nodes = match &node.value {
                Value::List(list) => list.as_slice(),
                _ => std::slice::from_ref(node),
            };
            if nodes.len() > STEPS_MAX {
                let text = format!("`{}` has more than {STEPS_MAX} requests", occasion.as_str());
                self.error("too-many", node.place, text);
            }
            let requests: Vec<Step> = nodes.iter().map(|node| self.step(node, &answer)).collect();
            let asks_for_it = |step: &Step| asks(step).iter().any(|name| name == "receipt");
            let need_receipt = occasion != Occasion::Send && requests.iter().any(asks_for_it);
            notifier.steps.insert(occasion, Steps { requests, need_receipt });
        }
        notifier
    }

    fn urgency(&mut self, both: &Layered<'a>) -> BTreeMap<Name, Scalar> {
        let priorities: BTreeSet<&str> = self.defined.of(crate::config::shape::Noun::Priority).collect();
        let mut urgency = BTreeMap::new();
        for entry in both.entries("urgency") {
            if !URGENCIES.contains(&entry.key.as_str()) && !priorities.contains(entry.key.as_str()) {
                let text = format!("there is no priority `{}`", quotable(&entry.key));
                self.findings.push(
                    Diagnostic::error("unknown-name", entry.key_place, text)
                        .hint("write a priority, or `high`, `normal` or `over`"),
                );
            }
            urgency.extend(scalar(&entry.node).map(|value| (Name::from(entry.key.as_str()), value)));
        }
        urgency
    }

    fn replaced(&mut self, both: &Layered<'a>) -> BTreeMap<char, String> {
        let mut replace = BTreeMap::new();
        for entry in both.entries("replace") {
            let mut chars = entry.key.chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) => drop(replace.insert(c, entry.node.text().unwrap_or_default().to_owned())),
                _ => self.error(
                    "bad-value",
                    entry.key_place,
                    format!("`{}` is more than one character", quotable(&entry.key)),
                ),
            }
        }
        replace
    }

    /// The addresses that a route or a person gives fit the pattern, where there is one.
    fn address_like(&mut self, both: &Layered<'a>) {
        let Some(pattern) = both.text("address_like") else { return };
        if let Err(problem) = format::whole(pattern) {
            self.error("bad-value", both.place_of("address_like"), problem);
        }
    }

    fn answer(&mut self, node: Option<&'a Node>, base: &Answer) -> Answer {
        let Some(node) = node else { return base.clone() };
        let view = View::item(node, &keys::ANSWER);
        let codes = |key: &str, of_base: &[Scalar]| match view.get(key) {
            Some(_) => view.items(key).iter().filter_map(scalar).collect(),
            None => of_base.to_vec(),
        };
        let must = view.get("must").map(|node| {
            node.entries().iter().filter_map(|e| Some((e.key.clone(), scalar(&e.node)?))).collect::<Vec<_>>()
        });
        let ok = view.items("ok").iter().filter_map(|node| match node.value {
            Value::Whole(number) => u16::try_from(number).ok(),
            _ => None,
        });
        let ok: Vec<u16> = ok.collect();
        let has: Vec<String> = view.texts("has").iter().map(|placed| placed.text.to_owned()).collect();
        for (pointer, _) in must.iter().flatten() {
            if let Err(problem) = format::pointer(pointer) {
                self.error("bad-value", view.place_of("must"), problem.message);
            }
        }
        Answer {
            ok: if ok.is_empty() { base.ok.clone() } else { ok },
            must: must.unwrap_or_else(|| base.must.clone()),
            has: if view.get("has").is_some() { has } else { base.has.clone() },
            error: view.string("error").or_else(|| base.error.clone()),
            retry_after: view.string("retry_after").or_else(|| base.retry_after.clone()),
            permanent: codes("permanent", &base.permanent),
            transient: codes("transient", &base.transient),
        }
    }

    fn step(&mut self, node: &'a Node, answer: &Answer) -> Step {
        let view = View::item(node, &keys::REQUEST);
        let bodies = ["json", "form", "text"];
        let body = match bodies.iter().filter(|key| view.get(key).is_some()).collect::<Vec<_>>()[..] {
            [] => Body::None,
            [&"json"] => Body::Json(view.string("json").unwrap_or_default()),
            [&"form"] => Body::Form(texts(view.get("form"))),
            [&"text"] => Body::Text(view.string("text").unwrap_or_default()),
            _ => {
                self.error("two-of-one", view.place, "a request has one body: `json`, `form` or `text`");
                Body::None
            }
        };
        let lengths = |key: &str, cut: fn(usize) -> Cut| -> Vec<(String, Cut)> {
            let entries = view.get(key).map(Node::entries).unwrap_or_default();
            let length = |node: &Node| match node.value {
                Value::Whole(number) => usize::try_from(number).ok(),
                _ => None,
            };
            // A body of text has one text, whose name is empty here.
            let name = |key: &str| if key == "text" { String::new() } else { key.to_owned() };
            entries.iter().filter_map(|e| Some((name(&e.key), cut(length(&e.node)?)))).collect()
        };
        let mut cut = lengths("cut", Cut::Characters);
        cut.extend(lengths("cut_bytes", Cut::Bytes));
        for (name, _) in texts(view.get("headers")) {
            if reqwest::header::HeaderName::try_from(name.as_str()).is_err() {
                self.error(
                    "bad-value",
                    view.place_of("headers"),
                    format!("`{}` is no name of a header", quotable(&name)),
                );
            }
        }
        Step {
            method: view.text("method").unwrap_or("POST").to_owned(),
            path: view.string("path").unwrap_or_default(),
            headers: texts(view.get("headers")),
            body,
            content_type: view.string("content_type"),
            when: view.string("when"),
            receipt: view.string("receipt"),
            keep: texts(view.get("keep")),
            cut,
            answer: self.answer(view.get("answer"), answer),
            may_fail: view.truth("may_fail", false),
        }
    }

    /// Asks every template for what it needs, and tries it on made-up messages of every kind.
    fn try_notifier(
        &mut self,
        both: &Layered<'a>,
        channel: &ChannelRef,
        notifier: &Notifier,
        values: &BTreeMap<String, Scalar>,
        secrets: &BTreeMap<String, SecretRef>,
    ) {
        let mut trial = Trial { values: values.clone(), secrets: BTreeMap::new(), kept: BTreeMap::new() };
        trial.secrets.extend(notifier.optional.iter().map(|name| (name.clone(), String::new())));
        trial.secrets.extend(secrets.keys().map(|name| (name.clone(), "s3cret".to_owned())));
        let keep = notifier.steps.values().flat_map(|steps| &steps.requests).flat_map(|step| &step.keep);
        trial.kept.extend(keep.map(|(name, _)| (name.clone(), "31".to_owned())));
        for (occasion, steps) in &notifier.steps {
            let place = both.place_of(occasion.as_str());
            for (number, step) in (1..).zip(&steps.requests) {
                let what = match steps.requests.len() {
                    1 => format!("`{}`", occasion.as_str()),
                    _ => format!("request {number} of `{}`", occasion.as_str()),
                };
                if let Some(name) = asks(step).iter().find(|name| !trial.knows(name)) {
                    self.cannot(channel, place, &format!("{what} asks for `{name}`, which there is not"));
                } else if let Some((sample, why)) = trial.first_failure(notifier, *occasion, step) {
                    self.cannot(channel, place, &format!("{what} cannot be made for {sample}: {why}"));
                }
            }
        }
        let page = trial.fill(samples().swap_remove(0));
        let plain = BTreeMap::new();
        for (key, source, written) in [
            ("link", notifier.link.as_deref(), Written::Path),
            ("callback", notifier.callback.as_ref().map(|callback| callback.body.as_str()), Written::Xml),
        ] {
            let Some(source) = source else { continue };
            if let Err(error) = text::render(source, written, &plain, page.as_value()) {
                self.cannot(channel, both.place_of(key), &format!("`{key}` cannot be written: {error}"));
            }
        }
        if let Some(callback) = notifier.callback.as_ref().filter(|callback| !secrets.contains_key(&callback.secret)) {
            let text =
                format!("`callback` is signed with the secret `{}`, which there is not", quotable(&callback.secret));
            self.cannot(channel, both.place_of("callback"), &text);
        }
    }

    fn cannot(&mut self, channel: &ChannelRef, place: Place, what: &str) {
        self.findings.push(
            Diagnostic::error("bad-template", place, format!("of `{channel}`, {what}"))
                .hint("docs/channels.md lists what templates of notifiers may use"),
        );
    }
}

/// Secrets that the description lets one leave out.
fn optional(both: &Layered<'_>) -> Vec<String> {
    let declared = both.base.as_ref().and_then(|base| base.get("secrets")).map(Node::entries).unwrap_or_default();
    let optional = declared.iter().filter(|entry| View::entry(entry, &keys::SECRET).truth("optional", false));
    optional.map(|entry| entry.key.clone()).collect()
}

fn callback(view: &View<'_>) -> Option<Callback> {
    let keys = texts(view.get("keys"));
    Some(Callback {
        content_type: view.string("content_type")?,
        body: view.string("body")?,
        header: view.string("header")?,
        secret: view.string("secret")?,
        field: view.string("field")?,
        keys: keys.into_iter().map(|(key, act)| (key, Act::read(&act))).collect(),
    })
}

/// Everything that the templates of a step ask for.
fn asks(step: &Step) -> Vec<String> {
    let fields = match &step.body {
        Body::None => Vec::new(),
        Body::Json(source) | Body::Text(source) => vec![source.as_str()],
        Body::Form(fields) => fields.iter().map(|(_, source)| source.as_str()).collect(),
    };
    let headers = step.headers.iter().map(|(_, source)| source.as_str());
    let templates = std::iter::once(step.path.as_str()).chain(headers).chain(fields);
    let mut all: Vec<String> = templates.flat_map(|source| text::names(source, false)).collect();
    all.extend(step.when.iter().flat_map(|source| text::names(source, true)));
    all
}

/// Made-up messages with the channel's own values.
struct Trial {
    values: BTreeMap<String, Scalar>,
    secrets: BTreeMap<String, String>,
    kept: BTreeMap<String, String>,
}

impl Trial {
    fn fill(&self, sample: Sample) -> Values {
        Values { values: self.values.clone(), secrets: self.secrets.clone(), kept: self.kept.clone(), ..sample.values }
    }

    fn knows(&self, name: &str) -> bool {
        match name.split_once('.') {
            Some(("values", rest)) => self.values.contains_key(rest),
            Some(("secrets", rest)) => self.secrets.contains_key(rest),
            Some(("kept", rest)) => self.kept.contains_key(rest),
            Some((first, _)) => matches!(first, "labels" | "annotations" | "fact" | "link" | "loop"),
            None => {
                self.fill(samples().swap_remove(0)).as_value().get_attr(name).is_ok_and(|value| !value.is_undefined())
            }
        }
    }

    /// The first made-up message for which a step cannot be made, and why.
    fn first_failure(&self, notifier: &Notifier, occasion: Occasion, step: &Step) -> Option<(&'static str, String)> {
        let mut tried = false;
        for sample in samples() {
            let receipt = !sample.values.receipt.is_empty();
            let used = notifier.steps(sample.purpose, receipt);
            if !used.iter().any(|used| std::ptr::eq(used, step)) {
                continue;
            }
            let what = sample.what;
            match request::make(notifier, step, &self.fill(sample)) {
                Ok(made) => tried |= made.is_some(),
                Err(error) => return Some((what, error.to_string())),
            }
        }
        // Steps for which no made-up message fits are written all the same, as for a page.
        let step = Step { when: None, ..step.clone() };
        let mut values = self.fill(samples().swap_remove(0));
        "4711".clone_into(&mut values.receipt);
        match request::make(notifier, &step, &values) {
            Err(error) if !tried => Some((occasion.as_str(), error.to_string())),
            _ => None,
        }
    }
}
