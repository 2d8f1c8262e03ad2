//! Tests of the whole way from files to policy.

use std::path::Path;

use super::*;

fn now() -> Timestamp {
    Timestamp::parse("2026-11-20T20:00:00Z").unwrap()
}

#[test]
fn the_examples_are_clean() {
    for (name, summary) in [
        ("quickstart", "no mistakes in 2 files: 1 team, 2 services, 1 schedule, 4 people\n"),
        ("follow-the-sun", "no mistakes in 3 files: 1 team, 2 services, 2 schedules, 8 people\n"),
    ] {
        let report = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name), now());
        assert_eq!(report.render(false), summary, "{name}");
        assert!(report.loaded.is_some(), "{name}");
    }
}

fn data() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config")
}

/// The files of a case: the part before the first `# file: PATH` line is `teams/case.toml`; without a `callout.toml` the base is.
fn files_of(case: &str) -> Vec<(String, String)> {
    let mut files = vec![("teams/case.toml".to_owned(), String::new())];
    for line in case.split_inclusive('\n') {
        match line.strip_prefix("# file: ") {
            Some(path) => files.push((path.trim().to_owned(), String::new())),
            None => files.last_mut().unwrap().1.push_str(line),
        }
    }
    files.retain(|(_, text)| !text.is_empty());
    if !files.iter().any(|(path, _)| path == "callout.toml") {
        let base = std::fs::read_to_string(data().join("base/callout.toml")).unwrap();
        files.insert(0, ("callout.toml".to_owned(), base));
    }
    files
}

fn report_of(case: &str) -> Report {
    let files = files_of(case);
    load_texts(files.iter().map(|(path, text)| (path.as_str(), text.as_str())), now())
}

#[test]
fn every_mistake_is_told_as_the_cases_say() {
    let bless = std::env::var_os("CALLOUT_BLESS").is_some();
    let mut cases = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(data()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "toml") {
            continue;
        }
        cases += 1;
        let said = report_of(&std::fs::read_to_string(&path).unwrap()).render(false);
        let golden = path.with_extension("out");
        if bless {
            std::fs::write(&golden, said).unwrap();
        } else if std::fs::read_to_string(&golden).unwrap_or_default() != said {
            wrong.push(format!("{}:\n{said}", path.display()));
        }
    }
    assert!(cases >= 20, "{cases} cases");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_base_of_the_cases_is_clean() {
    let report = report_of("\n");
    assert_eq!(report.diagnostics, [], "{}", report.render(false));
    assert!(report.loaded.is_some());
}

/// A folder that is gone with the value.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("callout-config-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(path.join("teams")).unwrap();
        std::fs::copy(data().join("base/callout.toml"), path.join("callout.toml")).unwrap();
        Self(path)
    }

    fn said(&self) -> String {
        load(&self.0, now()).render(false).replace(&self.0.display().to_string(), "DIR")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_folder_that_is_not_there_or_is_a_file_is_told() {
    let folder = Folder::new("no-folder");
    let report = load(&folder.0.join("nowhere"), now());
    assert!(report.loaded.is_none());
    assert_eq!(report.diagnostics.len(), 1, "{}", report.render(false));
    assert!(report.render(false).starts_with("error: could not read the folder"), "{}", report.render(false));
    let report = load(&folder.0.join("callout.toml"), now());
    assert!(report.render(false).contains("is a file, not a folder"), "{}", report.render(false));
}

#[test]
fn a_folder_without_the_main_file_says_so_once() {
    let folder = Folder::new("no-main");
    std::fs::remove_file(folder.0.join("callout.toml")).unwrap();
    assert_eq!(
        folder.said(),
        "error: there is no `callout.toml` in `DIR`\nhint: `examples/quickstart` shows what belongs into it\n\n1 error in 0 files\n"
    );
}

#[test]
fn files_that_can_not_be_read_do_not_hide_the_others() {
    let folder = Folder::new("unreadable");
    std::fs::write(folder.0.join("teams/binary.toml"), b"[people]\nana = \"\xff\xfe\"\n").unwrap();
    std::fs::create_dir(folder.0.join("teams/folder.toml")).unwrap();
    std::fs::write(folder.0.join("teams/large.toml"), vec![b'#'; 1_048_577]).unwrap();
    std::fs::write(folder.0.join("teams/wrong.toml"), "[teams.web]\nmembers = [\"anna\"]\n").unwrap();
    std::fs::write(folder.0.join("teams/.hidden.toml"), "]").unwrap();
    std::fs::write(folder.0.join("teams/notes.md"), "]").unwrap();
    std::fs::write(folder.0.join("checkout.toml"), "]").unwrap();
    let said = folder.said();
    for part in [
        "error: `teams/binary.toml` is not UTF-8\n  = line 2, byte 16 of the file\n",
        "error: could not read `teams/folder.toml`\n  = it is no plain file\n",
        "error: could not read `teams/large.toml`\n  = it is larger than 1024 KiB\n",
        "error: there is no person `anna`\n --> teams/wrong.toml:2:12\n",
        "warning: `checkout.toml` is not read\n",
        "4 errors, 1 warning in 2 files\n",
    ] {
        assert!(said.contains(part), "{part}\n---\n{said}");
    }
}

#[test]
fn numbers_and_lengths_have_limits() {
    const BASE: &str = "[organisation]\nname = 'acme'\ntimezone = 'UTC'\nfallback = 'ops'\n[teams.ops]\n[services.api]\nteam = 'ops'\n";
    let named = |bytes: usize| format!("[services.{}]\nteam = 'ops'", "x".repeat(bytes));
    let window = |lasts: &str| {
        format!("[[maintenance]]\nname = 'patches'\ncron = '0 2 * * SUN'\nduration = '{lasts}'\nservices = ['api']")
    };
    let digest = |key: &str, value: &str| format!("[digest]\n{key} = {value}");
    let beat = |every: &str| format!("[heartbeat]\nurl = 'https://a.example/'\nevery = '{every}'");
    let health = |key: &str, most: &str| format!("[health]\n{key} = '{most}'");
    let timeout = |most: &str| format!("[channels.webhook.a]\nurl = 'https://a.example/'\ntimeout = '{most}'");
    for (edge, past) in [
        (named(128), named(129)),
        (window("168h"), window("169h")),
        (digest("within", "'1s'"), digest("within", "'999ms'")),
        (digest("within", "'1h'"), digest("within", "'61m'")),
        (digest("every", "'1h'"), digest("every", "'61m'")),
        (digest("singles", "30"), digest("singles", "31")),
        (beat("1h"), beat("61m")),
        (health("unjudged", "1h"), health("unjudged", "61m")),
        (health("undelivered", "1h"), health("undelivered", "61m")),
        (timeout("5m"), timeout("301s")),
    ] {
        let report = |more: &str| load_texts([("callout.toml", format!("{BASE}{more}\n").as_str())], now());
        assert!(report(&edge).loaded.is_some(), "{}", report(&edge).render(false));
        assert!(report(&past).loaded.is_none(), "{past}");
    }
}

#[test]
fn files_have_a_size_and_a_number() {
    let folder = Folder::new("limits");
    std::fs::write(folder.0.join("teams/large.toml"), vec![b'#'; 1_048_576]).unwrap();
    assert!(!folder.said().contains("larger"), "{}", folder.said());
    for n in 0..998 {
        std::fs::write(folder.0.join(format!("teams/n{n:03}.toml")), "").unwrap();
    }
    assert!(!folder.said().contains("more than 1000 files"));
    std::fs::write(folder.0.join("teams/z.toml"), "").unwrap();
    assert!(folder.said().contains("more than 1000 files"));
}

#[test]
fn a_named_pipe_does_not_block() {
    let folder = Folder::new("pipe");
    let pipe = folder.0.join("teams/pipe.toml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(folder.said().contains("could not read `teams/pipe.toml`\n  = it is no plain file"));
}

#[test]
fn places_count_lines_and_characters_from_one() {
    let report = report_of("[people]\nzoe = { name = \"Zoë\", colour = \"blau\" }\n");
    let [found] = &report.diagnostics[..] else { panic!("{}", report.render(false)) };
    let position = report.sources.position(found.place.unwrap()).unwrap();
    assert_eq!((position.file, position.line, position.column), ("teams/case.toml", 2, 23));
    assert_eq!((position.end_line, position.end_column, position.text), (2, 29, "colour"));
    let json = report.to_json();
    assert_eq!(json["errors"], 1);
    assert_eq!(json["diagnostics"][0]["place"]["line"], 2);
    assert_eq!(json["diagnostics"][0]["place"]["text"], "colour");
    assert_eq!(json["diagnostics"][0]["code"], "unknown-key");
}

#[test]
fn the_fingerprint_follows_names_and_bytes_and_nothing_else() {
    let print = |case: &str| report_of(case).loaded.unwrap().policy.fingerprint.clone();
    assert_eq!(print("# a\n"), print("# a\n"));
    assert_ne!(print("# a\n"), print("# b\n"));
    assert_ne!(print("# a\n"), print("# file: teams/other.toml\n# a\n"));
    assert_eq!(print("# a\n").len(), 64);
}

#[test]
fn the_worked_example_is_compiled_exactly() {
    use crate::domain::{Ratio, Span};
    let report = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart"), now());
    let loaded = report.loaded.unwrap();
    let policy = &loaded.policy;
    let slo = &policy.services["data-api"].slos[0];
    assert_eq!(slo.objective, Ratio::new(997, 1000).unwrap());
    let alert = slo.alert.as_ref().unwrap();
    assert_eq!((alert.depletion, alert.window), (Ratio::new(2, 1).unwrap(), Span::from_minutes(60)));
    assert_eq!((alert.every, slo.snooze), (Span::from_minutes(5), Some(Span::from_minutes(120))));
    assert_eq!(slo.period, crate::slo::Period::Rolling(Span::from_hours(28 * 24)));
    let factors: Vec<String> =
        slo.burn.iter().map(|p| format!("{} {} {}", p.factor.decimal(4), p.long, p.short)).collect();
    assert_eq!(factors, ["14.4 1h 5m", "6 6h 30m", "3 1d 2h", "1 3d 6h"]);
    let waits: Vec<String> = policy.escalations["checkout"].steps.iter().map(|s| s.wait.to_string()).collect();
    assert_eq!(waits, ["1h", "2h", "4h", "1h"]);
    assert_eq!(policy.escalations["checkout"].repeat, Some(3));
    assert_eq!(policy.priorities["P1"].rank, 0);
    assert_eq!(policy.priorities["P3"].rank, 2);
    let ways = |who: &str| policy.people[who].contacts.iter().map(|c| c.channel.to_string()).collect::<Vec<_>>();
    assert_eq!(ways("ana"), ["slack:main", "email:default"]);
    assert_eq!(ways("cy"), ["slack:main", "teams:eu", "email:default"]);
}

/// A small generator of numbers; the seed decides everything.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit.max(1) as u64).unwrap()
    }
}

#[test]
fn changed_files_never_make_it_panic() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/follow-the-sun");
    let read = |path: &str| std::fs::read_to_string(folder.join(path)).unwrap();
    let files = ["callout.toml", "teams/platform.toml", "rules/gentle.toml"].map(|path| (path, read(path)));
    let words = [
        "\"",
        "[",
        "]",
        "{",
        "}",
        "=",
        "\n",
        "0",
        "-1",
        "é",
        "\u{0}",
        "[[",
        "''",
        "2026-02-31",
        "P",
        ".",
        "99999999999999999999",
    ];
    let mut numbers = Numbers(0x2026_1120);
    for round in 0..60 {
        let changed = files.each_ref().map(|(path, text)| {
            let mut text: Vec<char> = text.chars().collect();
            for _ in 0..numbers.below(4) {
                let at = numbers.below(text.len());
                match numbers.below(4) {
                    0 => drop(text.remove(at)),
                    1 => drop(text.splice(at..at, words[numbers.below(words.len())].chars())),
                    2 => drop(text.drain(at..(at + numbers.below(60)).min(text.len()))),
                    _ => {
                        let from = numbers.below(text.len());
                        let piece: Vec<char> = text[from..(from + 40).min(text.len())].to_vec();
                        drop(text.splice(at..at, piece));
                    }
                }
                if text.is_empty() {
                    text.push('\n');
                }
            }
            (*path, text.into_iter().collect::<String>())
        });
        let report = load_texts(changed.iter().map(|(path, text)| (*path, text.as_str())), now());
        let said = report.render(round % 2 == 0);
        assert!(!said.is_empty() && report.to_json()["errors"].is_u64());
        assert_eq!(report.loaded.is_none(), report.count(Severity::Error) > 0 || report.dropped > 0, "{said}");
    }
}

#[test]
fn noise_never_makes_it_panic() {
    let mut numbers = Numbers(7);
    for _ in 0..200 {
        let length = numbers.below(400);
        let noise: Vec<u8> = (0..length).map(|_| u8::try_from(numbers.below(256)).unwrap()).collect();
        let text = String::from_utf8_lossy(&noise).into_owned();
        let report = load_texts([("callout.toml", text.as_str())], now());
        assert!(report.loaded.is_none());
        assert!(!report.render(false).is_empty());
    }
    for text in [
        "a.".repeat(50_000) + "b = 1",
        "[".repeat(100_000),
        "x = ".to_owned() + &"[".repeat(100_000),
        "a=1\n".repeat(20_000),
    ] {
        let report = load_texts([("callout.toml", text.as_str())], now());
        assert!(report.loaded.is_none() && report.render(false).len() < 200_000);
    }
}

#[test]
fn there_are_so_many_rules_for_metrics() {
    const BASE: &str = "[organisation]\nname = 'acme'\nfallback = 'ops'\n[teams.ops]\n[services.api]\nteam = 'ops'\n";
    let rule = |n: usize| {
        format!("[metrics.m{n}]\ntotal = 'm{n}'\nbad = 'm{n}{{code=\"500\"}}'\nservice = 'api'\nsli = 'availability'\n")
    };
    for (count, mistakes) in [(metrics::METRIC_RULES_MAX, 0), (metrics::METRIC_RULES_MAX + 1, 1)] {
        let text: String = std::iter::once(BASE.to_owned()).chain((0..count).map(rule)).collect();
        let report = load_texts([("callout.toml", text.as_str())], now());
        assert_eq!(report.diagnostics.iter().filter(|d| d.code == "too-many").count(), mistakes);
        assert_eq!(
            report.loaded.is_some(),
            mistakes == 0,
            "{}",
            report.render(false).lines().take(20).collect::<String>()
        );
    }
}

#[test]
fn so_many_holes_and_syntax_errors_are_told_and_long_lines_are_not_shown() {
    let holes = |count: u32| {
        let days: Vec<String> = (1..=count).map(|n| format!("2026-12-{:02}", 2 * n)).collect();
        let case = format!(
            "[holidays.x]\ndates = [{}]\n[teams.night]\n[schedules.night]\nteam = 'night'\n[[schedules.night.layers]]\n\
            users = ['ana']\nrotate = 'weekly'\nstart = 2026-11-02T00:00:00\noff = ['holidays.x']\n",
            days.join(", ")
        );
        report_of(&case).render(false)
    };
    assert!(!holes(5).contains("more\n") && holes(5).contains("2026-12-10"), "{}", holes(5));
    assert!(holes(6).contains("and 1 more\n"), "{}", holes(6));
    let broken =
        |count: usize| report_of(&"a =\n".repeat(count)).diagnostics.iter().filter(|d| d.code == "syntax").count();
    assert_eq!([broken(4), broken(5), broken(6)], [4, 5, 5]);
    let line = |bytes: usize| {
        let line = format!("escalation = 'x' #{}", "x".repeat(bytes - 18));
        report_of(&format!("[teams.night]\n{line}\n")).render(false).contains("| escalation = 'x' #xxx")
    };
    assert!(line(400) && !line(401));
}
