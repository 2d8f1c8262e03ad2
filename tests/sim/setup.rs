//! The organisation that is simulated: real TOML, read, checked and compiled once for all seeds, in several variants to reload.

use std::sync::LazyLock;

use callout::config::{self, Loaded};
use callout::domain::Timestamp;

/// When the configurations were checked; the proofs about schedules look ahead from here.
const CHECKED_AT: Timestamp = Timestamp::from_seconds(1_790_000_000);

/// What differs between two variants.
struct Variant {
    order: &'static str,
    backup: &'static str,
    rotate: &'static str,
    waits: [&'static str; 3],
    repeat: &'static str,
    ack_timeout: &'static str,
    give_up: &'static str,
    teams: bool,
}

const VARIANTS: [Variant; 5] = [
    Variant {
        order: r#"["ana", "bo", "cy"]"#,
        backup: "backup",
        rotate: "daily",
        waits: ["5m", "10m", "20m"],
        repeat: "2",
        ack_timeout: "2h",
        give_up: "10m",
        teams: true,
    },
    Variant {
        order: r#"["cy", "ana", "bo"]"#,
        backup: "backup",
        rotate: "hourly",
        waits: ["3m", "5m", "7m"],
        repeat: "1",
        ack_timeout: "45m",
        give_up: "3m",
        teams: false,
    },
    Variant {
        order: r#"["bo", "dee", "ana"]"#,
        backup: "backup",
        rotate: "weekly",
        waits: ["15m", "30m", "60m"],
        repeat: "\"forever\"",
        ack_timeout: "8h",
        give_up: "10m",
        teams: true,
    },
    Variant {
        order: r#"["dee", "cy", "bo", "ana"]"#,
        backup: "main",
        rotate: "hourly",
        waits: ["1m", "2m", "3m"],
        repeat: "3",
        ack_timeout: "30m",
        give_up: "5m",
        teams: true,
    },
    Variant {
        order: r#"["ana", "dee"]"#,
        backup: "backup",
        rotate: "daily",
        waits: ["10m", "10m", "10m"],
        repeat: "0",
        ack_timeout: "4h",
        give_up: "2m",
        teams: false,
    },
];

/// The variants, compiled.
pub static CONFIGURATIONS: LazyLock<Vec<Loaded>> = LazyLock::new(|| VARIANTS.iter().map(compile).collect());

fn compile(variant: &Variant) -> Loaded {
    let (main, team) = (main_file(variant), team_file(variant));
    let files = [
        ("callout.toml", main.as_str()),
        ("teams/checkout.toml", team.as_str()),
        ("teams/operations.toml", OPERATIONS),
    ];
    let report = config::load_texts(files, CHECKED_AT);
    report
        .loaded
        .clone()
        .unwrap_or_else(|| panic!("the simulated configuration has mistakes:\n{}", report.render(false)))
}

fn main_file(variant: &Variant) -> String {
    let give_up = variant.give_up;
    let teams = if variant.teams { "[channels.teams.eu]\nurl_env = \"TEAMS_EU_FLOW\"\ngive_up = \"4m\"\n" } else { "" };
    format!(
        r#"
[organisation]
name = "acme"
timezone = "Europe/Berlin"
url = "https://callout.acme.example"
fallback = "operations"
reopen = "20m"

[priorities.P1]
meaning = "no log-on to any application"
[priorities.P2]
meaning = "an application is unusable"
[priorities.P3]
meaning = "an application is slow"

[environments]
prod-eu = {{ region = "eu" }}
prod-us = {{ region = "us" }}

[channels.slack.main]
token_env = "SLACK_TOKEN"
give_up = "{give_up}"
fallback = "email:oncall@acme.example"

[channels.email.default]
smtp = "smtps://mail.acme.example:465"
from = "callout@acme.example"
give_up = "{give_up}"

[channels.webhook.pager]
url = "https://pager.acme.example/in"
batch = 5
give_up = "{give_up}"

{teams}
[[maintenance]]
name = "database patch window"
cron = "0 2 * * *"
timezone = "Europe/Berlin"
duration = "1h"
services = ["users"]
"#
    )
}

fn team_file(variant: &Variant) -> String {
    let Variant { order, backup, rotate, waits: [first, second, third], repeat, ack_timeout, teams, .. } = variant;
    let eu = if *teams { r#"["slack:main/#checkout-eu", "teams:eu"]"# } else { r#"["slack:main/#checkout-eu"]"# };
    format!(
        r#"
[people]
ana = {{ name = "Ana Ruiz", email = "ana@acme.example", slack = "U01ANA", timezone = "Europe/Madrid" }}
bo  = {{ name = "Bo Lindqvist", email = "bo@acme.example", slack = "U02BO", contact = ["email", "slack"] }}
cy  = {{ name = "Cy Okafor", email = "cy@acme.example" }}
dee = {{ name = "Dee Novak", slack = "U04DEE" }}
eva = {{ name = "Eva Maier", email = "eva@acme.example", slack = "U05EVA" }}

[teams.checkout]
members = ["ana", "bo", "cy", "dee"]
manager = "eva"
escalation = "checkout"
dedup_resource = "{{alertname}} on {{host}}"
raise = [{{ more_than = 6, within = "1h", priority = "P1" }}]

[[teams.checkout.routes]]
region = "eu"
tell = {eu}
[[teams.checkout.routes]]
tell = ["slack:main/#checkout", "webhook:pager"]

[services.users]
team = "checkout"

[services.data-api]
team = "checkout"
environments = ["prod-eu", "prod-us"]
depends_on = ["users"]
runbook = "https://wiki.acme.example/runbooks/data-api"
default_slo.availability = {{ objective = "90%" }}

[[services.data-api.slo]]
name = "Availability of get data API"
endpoint = "GET /api/data/{{tenant}}"
sli = "availability"
objective = "99.7%"
priority = "P2"
alert = {{ depletion = "200%", window = "60m", every = "5m", snooze = "120m" }}
burn = "workbook"

[schedules.checkout]
team = "checkout"
roles = ["main", "backup"]
users = {order}
rotate = "{rotate}"
start = 2026-08-03T09:00:00

[escalations.checkout]
repeat = {repeat}
ack_timeout = "{ack_timeout}"
steps = [
  {{ notify = ["schedule:checkout/main"], wait = "{first}" }},
  {{ notify = ["schedule:checkout/{backup}", "slack:main/#checkout"], wait = "{second}" }},
  {{ notify = ["team:checkout", "manager:checkout"], wait = "{third}" }},
]
"#
    )
}

const OPERATIONS: &str = r#"
[people]
wes = { email = "wes@acme.example" }
yara = { email = "yara@acme.example", slack = "U07YARA" }
jo = { email = "jo@acme.example" }
sam = { email = "sam@acme.example", slack = "U09SAM" }

[teams.operations]
members = ["wes", "yara", "jo", "sam"]
escalation = "operations"
[[teams.operations.routes]]
tell = ["email:operations@acme.example"]

[services.directory]
team = "operations"

[groups.leads]
members = ["wes", "jo"]

[schedules.operations]
team = "operations"
timezone = "UTC"
[[schedules.operations.layers]]
users = ["wes", "yara"]
rotate = "daily"
start = 2026-08-03T00:00:00
[[schedules.operations.layers]]
name = "emea"
timezone = "Europe/Berlin"
users = ["jo", "wes"]
rotate = "daily"
on = ["Mon", "Tue", "Wed", "Thu", "Fri"]
start = 2026-08-03T08:00:00
hours = ["Mon-Fri 08:00-16:00"]
[[schedules.operations.layers]]
name = "amer"
timezone = "America/Los_Angeles"
users = ["sam", "yara"]
handoff_cron = "0 8 * * MON,THU"
start = 2026-08-03T08:00:00
hours = ["Mon-Fri 08:00-16:00"]

[schedules.weekends]
team = "operations"
users = ["sam"]
rotate = "daily"
start = 2026-08-03T00:00:00
hours = ["Sat-Sun 00:00-24:00"]
holes_allowed = true

[escalations.operations]
repeat = 1
steps = [
  { notify = ["schedule:weekends"], wait = "5m" },
  { notify = ["schedule:operations"], wait = "10m" },
  { notify = ["group:leads", "slack:main/#ops"], wait = "20m" },
]
"#;
