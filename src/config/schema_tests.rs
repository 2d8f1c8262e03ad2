//! The schema and the reader say the same, and every example is valid.

use std::path::Path;

use serde_json::{Value, json};

use super::keys;
use super::schema::schema;
use super::shape::{Shape, Table};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn from_toml(text: &str) -> Value {
    fn convert(value: toml::Value) -> Value {
        match value {
            toml::Value::String(text) => json!(text),
            toml::Value::Integer(number) => json!(number),
            toml::Value::Float(number) => json!(number),
            toml::Value::Boolean(truth) => json!(truth),
            toml::Value::Datetime(time) => json!(time.to_string()),
            toml::Value::Array(list) => list.into_iter().map(convert).collect(),
            toml::Value::Table(table) => table.into_iter().map(|(k, v)| (k, convert(v))).collect(),
        }
    }
    convert(toml::Value::Table(text.parse().unwrap()))
}

fn mistakes(text: &str) -> Vec<String> {
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    validator.iter_errors(&from_toml(text)).map(|e| format!("{}: {e}", e.instance_path())).collect()
}

#[test]
fn the_schema_is_one() {
    jsonschema::draft202012::meta::validate(&schema()).unwrap();
}

#[test]
fn every_example_and_pack_is_valid() {
    let mut files = Vec::new();
    let mut folders = vec![root().join("examples"), root().join("rules")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "toml") {
                files.push(path);
            }
        }
    }
    assert!(files.len() >= 7, "{files:?}");
    for file in files {
        assert_eq!(mistakes(&std::fs::read_to_string(&file).unwrap()), Vec::<String>::new(), "{}", file.display());
    }
}

#[test]
fn what_the_reader_refuses_the_schema_refuses() {
    for (text, at) in [
        ("colour = 1", ""),
        ("[organisation]\nname = \"acme\"\ncolour = 1", "/organisation"),
        (
            "[services.a]\nteam = \"t\"\n[[services.a.slo]]\nname = \"x\"\nsli = \"y\"\nobjective = 99.7",
            "/services/a/slo/0/objective",
        ),
        ("[services.a]\nteam = \"t\"\n[[services.a.slo]]\nname = \"x\"\nsli = \"y\"", "/services/a/slo/0"),
        ("[escalations.a]\nrepeat = \"always\"\nsteps = []", "/escalations/a/repeat"),
        ("[escalations.a]\nsteps = [{ notify = [\"person:a\"], wait = \"60\" }]", "/escalations/a/steps/0/wait"),
        ("[people]\n\"a/b\" = {}", "/people"),
        ("[schedules.a]\nstart = \"2026-11-02 25\"", "/schedules/a/start"),
    ] {
        let found = mistakes(text);
        assert!(found.iter().any(|m| m.starts_with(&format!("{at}: "))), "{text}: {found:?}");
    }
}

/// Calls `seen` for every key of the description with the schema of its value.
fn walk(table: &Table, schema: &Value, path: &str, seen: &mut dyn FnMut(&str, &Value)) {
    assert_eq!(schema["additionalProperties"], json!(false), "{path}");
    for key in table.keys {
        let path = format!("{path}.{}", key.name);
        let own = &schema["properties"][key.name];
        seen(&path, own);
        let mut shapes = vec![(key.shape, own)];
        while let Some((shape, own)) = shapes.pop() {
            match shape {
                Shape::Table(table) | Shape::Folder(table) => walk(table, own, &path, seen),
                Shape::List(many) => shapes.push((many.of, &own["items"])),
                Shape::Map(map) => shapes.push((map.of, &own["additionalProperties"])),
                Shape::Either(either) => {
                    shapes.extend(either.iter().enumerate().map(|(i, shape)| (*shape, &own["anyOf"][i])));
                }
                _ => {}
            }
        }
    }
}

#[test]
fn every_key_of_the_reader_is_described_in_the_schema() {
    let schema = schema();
    let mut count = 0;
    walk(&keys::ROOT, &schema, "", &mut |path, own| {
        count += 1;
        assert!(own["description"].as_str().is_some_and(|d| d.len() > 3), "{path}");
        assert!(own.get("type").or(own.get("anyOf")).is_some(), "{path}");
    });
    assert!(count > 150, "{count}");
}
