//! Shapes of bodies as JSON Schema, by name. Limits come from the constants that enforce them.

use serde_json::{Value, json};

use super::reference as r;
use crate::engine::limits::{OVERRIDE_PEOPLE_MAX, STAND_IN_WHY_CHARS_MAX};
use crate::http::incidents::REASSIGN_MAX;
use crate::http::view::TEXT_BYTES_MAX;
use crate::ingest::limits::{
    ANNOTATION_VALUE_BYTES_MAX, ANNOTATIONS_MAX, EVENTS_MAX, FIELD_BYTES_MAX, ID_BYTES_MAX, LABEL_VALUE_BYTES_MAX,
    LABELS_MAX, LIST_MAX, MORE_WINDOWS_MAX, URL_BYTES_MAX,
};
use crate::runtime::REQUEST_SAMPLES_MAX;

/// A time.
pub fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

/// A value of this shape, or null.
fn maybe(schema: &Value) -> Value {
    match schema["type"].as_str() {
        Some(kind) => {
            let mut schema = schema.clone();
            schema["type"] = json!([kind, "null"]);
            schema
        }
        None => json!({ "anyOf": [schema, { "type": "null" }] }),
    }
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn texts() -> Value {
    json!({ "type": "array", "items": text() })
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn truth() -> Value {
    json!({ "type": "boolean" })
}

fn list(of: &str) -> Value {
    json!({ "type": "array", "items": r(of) })
}

/// Texts by name.
fn map() -> Value {
    json!({ "type": "object", "additionalProperties": text() })
}

/// A length of time, such as `1h30m`.
fn span() -> Value {
    json!({
        "type": "string",
        "pattern": "^(0|(?=[0-9])([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$",
        "description": "Units y, w, d, h, m, s, ms, from long to short.",
    })
}

/// What is answered: every property is there, though maybe null.
fn answer(properties: Value) -> Value {
    let names: Vec<String> = properties.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let mut schema = json!({ "type": "object", "required": names });
    schema["properties"] = properties;
    schema
}

/// What is sent: these must be there, and nothing else may be.
fn request(required: &[&str], properties: Value) -> Value {
    let mut schema = json!({ "type": "object", "additionalProperties": false });
    schema["properties"] = properties;
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// All shapes.
pub fn all() -> Value {
    let mut all = serde_json::Map::new();
    for part in [
        problems(),
        events(),
        samples(),
        incidents(),
        records(),
        people(),
        stand_ins(),
        silences(),
        levels(),
        alertmanager(),
        operations(),
    ] {
        if let Value::Object(part) = part {
            all.extend(part);
        }
    }
    all.into()
}

fn problems() -> Value {
    let reference = json!({ "type": "string", "format": "uri-reference" });
    json!({
        "Problem": answer(json!({ "type": reference, "title": text(), "status": count(), "detail": text() })),
        "Problems": answer(json!({
            "problems": { "type": "array", "items": answer(json!({
                "type": reference, "title": text(), "status": count(), "help": text(),
            })) },
        })),
    })
}

fn events() -> Value {
    let short = json!({ "type": ["string", "null"], "maxLength": FIELD_BYTES_MAX });
    let percent =
        json!({ "anyOf": [{ "type": "number" }, { "type": "string", "pattern": "^-?[0-9]+([.][0-9]+)?%?$" }] });
    let number = json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": "^[0-9]+$" }] });
    let url =
        json!({ "type": "string", "maxLength": URL_BYTES_MAX, "pattern": "^https?://[^ \u{0}-\u{1f}\u{7f}-\u{9f}]*$" });
    let scalars = |entries: usize, bytes: usize| {
        json!({
            "type": ["object", "null"], "maxProperties": entries,
            "additionalProperties": { "anyOf": [
                { "type": "string", "maxLength": bytes }, { "type": "number" }, { "type": "boolean" }, { "type": "null" },
            ] },
        })
    };
    let note = json!({ "type": ["string", "null"], "maxLength": ANNOTATION_VALUE_BYTES_MAX });
    let rejection = answer(json!({ "index": count(), "type": text(), "detail": text() }));
    let kept = json!({
        "type": "object", "required": ["event", "key"],
        "properties": { "event": text(), "key": text(), "repeated": truth() },
    });
    let lists = json!({
        "accepted": { "type": "array", "items": kept },
        "rejected": { "type": "array", "items": rejection },
        "rejected_unlisted": { "type": "integer", "minimum": 1, "description": "How many more were rejected." },
    });
    json!({
        "Window": request(&["length", "good", "total"], json!({ "length": span(), "good": number, "total": number })),
        "Breach": request(&[], json!({
            "id": { "type": ["string", "null"], "maxLength": ID_BYTES_MAX, "description": "Idempotency key, known for 24 h." },
            "kind": { "enum": ["breach", "resource", null] },
            "status": { "enum": ["firing", "resolved", null] },
            "organisation": short, "team": short, "service": short, "endpoint": short, "sli": short, "slo": short,
            "environment": short, "region": short,
            "objective": maybe(&percent),
            "at": maybe(&time()), "ends_at": maybe(&time()),
            "window": maybe(&r("Window")),
            "windows": { "type": ["array", "null"], "items": r("Window"), "maxItems": MORE_WINDOWS_MAX },
            "budget": maybe(&request(&["remaining_percent"], json!({ "remaining_percent": percent, "period": maybe(&span()) }))),
            "summary": note, "description": note,
            "context": scalars(ANNOTATIONS_MAX, LABEL_VALUE_BYTES_MAX),
            "dependencies": { "type": ["array", "null"], "maxItems": LIST_MAX, "items": request(&["service"], json!({
                "service": { "type": "string", "maxLength": FIELD_BYTES_MAX },
                "availability": maybe(&percent), "budget_remaining_percent": maybe(&percent),
            })) },
            "deployments": { "type": ["array", "null"], "maxItems": LIST_MAX, "items": request(&["version"], json!({
                "version": { "type": "string", "maxLength": FIELD_BYTES_MAX }, "at": maybe(&time()), "url": maybe(&url),
            })) },
            "labels": scalars(LABELS_MAX, LABEL_VALUE_BYTES_MAX),
            "annotations": scalars(ANNOTATIONS_MAX, ANNOTATION_VALUE_BYTES_MAX),
            "links": { "type": ["object", "null"], "maxProperties": LIST_MAX, "additionalProperties": url },
        })),
        "Breaches": {
            "description": "One event or several. Each stands alone: valid ones are kept when others are not.",
            "anyOf": [r("Breach"), { "type": "array", "items": r("Breach"), "minItems": 1, "maxItems": EVENTS_MAX }],
        },
        "Accepted": { "type": "object", "properties": lists, "required": ["accepted", "rejected"] },
        "AllRejected": { "allOf": [r("Problem"), { "type": "object", "properties": lists, "required": ["rejected"] }] },
        "Explanation": answer(json!({
            "subject": text(),
            "lines": { "type": "array", "items": answer(json!({ "at": time(), "rule": text(), "because": text() })) },
        })),
        "Event": answer(json!({ "event": text(), "judged": truth(), "explanation": r("Explanation") })),
    })
}

fn samples() -> Value {
    let name = json!({ "type": "string", "minLength": 1, "maxLength": FIELD_BYTES_MAX });
    let maybe_name = json!({ "type": ["string", "null"], "maxLength": FIELD_BYTES_MAX });
    let number = json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": "^[0-9]+$" }] });
    let rejection = answer(json!({ "index": count(), "type": text(), "detail": text() }));
    let counted = json!({
        "accepted": count(), "stored": count(), "replaced": count(), "repeated": count(), "late": count(),
        "rejected": { "type": "array", "items": rejection },
        "rejected_unlisted": { "type": "integer", "minimum": 1, "description": "How many more were rejected." },
    });
    let taken = json!({
        "type": "object", "properties": counted, "required": ["accepted", "stored", "replaced", "repeated", "late", "rejected"],
    });
    let sample = |counts: &[&str], shapes: &Value| {
        let mut all = json!({
            "service": name, "sli": name, "endpoint": maybe_name, "environment": maybe_name, "region": maybe_name,
            "threshold": maybe(&span()), "source": maybe_name, "minute": time(),
            "part": { "type": ["integer", "null"], "minimum": 0, "maximum": u32::MAX },
            "correction": { "type": ["boolean", "null"] },
        });
        for (name, shape) in shapes.as_object().into_iter().flatten() {
            all[name.as_str()] = shape.clone();
        }
        request(&[["service", "sli", "minute"].as_slice(), counts].concat(), all)
    };
    json!({
        "Sample": {
            "description": "Either `good` and `total`, or `statuses`: how many events had which status.",
            "oneOf": [
                sample(&["good", "total"], &json!({ "good": number, "total": number })),
                sample(&["statuses"], &json!({ "statuses": { "type": "object", "additionalProperties": number } })),
            ],
        },
        "Samples": {
            "description": "One sample or several. Each stands alone: valid ones are kept when others are not.",
            "anyOf": [r("Sample"), { "type": "array", "items": r("Sample"), "minItems": 1, "maxItems": REQUEST_SAMPLES_MAX }],
        },
        "SamplesTaken": taken,
        "SamplesRefused": { "allOf": [r("Problem"), taken] },
    })
}

/// Further properties of a shape.
fn with(mut properties: Value, further: Value) -> Value {
    if let (Value::Object(all), Value::Object(further)) = (&mut properties, further) {
        all.extend(further);
    }
    properties
}

/// What an incident says of the response to it.
fn response_of_incident() -> Value {
    let (text_or_null, time_or_null) = (maybe(&text()), maybe(&time()));
    let note = answer(json!({ "at": time(), "by": text(), "text": text() }));
    let role = answer(json!({ "role": text(), "person": text(), "since": time() }));
    let change = answer(json!({
        "at": time(), "by": text(), "of": { "enum": ["priority", "severity"] }, "from": text_or_null, "to": text_or_null,
    }));
    let wanted = answer(json!({
        "hotfix": truth(), "postmortem": truth(), "tell_management": truth(), "tell_stakeholders": truth(),
        "update_every": text_or_null,
    }));
    json!({
            "roles": { "type": "array", "items": role }, "updates": { "type": "array", "items": note },
            "update_due_at": time_or_null, "changes": { "type": "array", "items": change },
            "merged_into": maybe(&count()), "merged": { "type": "array", "items": count() },
            "wanted": maybe(&wanted),
    })
}

fn records() -> Value {
    let (text_or_null, time_or_null) = (maybe(&text()), maybe(&time()));
    let entry = answer(json!({
        "at": time(), "kind": { "enum": ["event", "action", "message", "rule"] }, "by": text_or_null, "to": text_or_null,
        "through": text_or_null, "text": text(), "outcome": text_or_null, "outcome_at": time_or_null,
        "attempts": maybe(&count()),
    }));
    let settled = answer(json!({ "at": time(), "by": text(), "url": text_or_null, "waived": text_or_null }));
    let postmortem = answer(json!({
        "incident": count(), "team": text(), "priority": text(), "key": text(), "resolved_at": time(), "due_at": time(),
        "overdue": truth(), "settled": maybe(&settled),
    }));
    json!({
        "Timeline": answer(json!({ "incident": count(), "entries": { "type": "array", "items": entry } })),
        "Postmortems": answer(json!({ "postmortems": { "type": "array", "items": postmortem } })),
        "Postmortem": postmortem,
        "Settlement": {
            "description": "Either where it was written, or why there will be none.",
            "oneOf": [
                request(&["url"], json!({ "url": { "type": "string", "maxLength": URL_BYTES_MAX, "pattern": "^https?://[^ ]+$" } })),
                request(&["waived"], json!({ "waived": { "type": "string", "minLength": 1, "maxLength": TEXT_BYTES_MAX } })),
            ],
        },
        "Merge": request(&["into"], json!({ "into": count() })),
        "Role": request(&["role", "person"], json!({ "role": text(), "person": text_or_null })),
    })
}

fn incidents() -> Value {
    let (text_or_null, time_or_null) = (maybe(&text()), maybe(&time()));
    let note = answer(json!({ "at": time(), "by": text(), "text": text() }));
    let work_item = answer(json!({ "channel": text(), "id": text(), "url": text() }));
    let escalation = answer(json!({
        "policy": text(), "step": count(), "steps": count(), "round": count(), "next_at": time_or_null, "exhausted": truth(),
    }));
    json!({
        "Incident": answer(with(json!({
            "id": count(), "key": text(), "headline": text(),
            "status": { "type": "string", "enum": ["triggered", "acknowledged", "snoozed", "resolved"] },
            "status_by": text_or_null, "status_at": time_or_null, "status_until": time_or_null,
            "priority": text_or_null, "severity": text_or_null, "team": text(), "unowned": truth(), "drill": truth(),
            "kind": { "type": "string", "enum": ["breach", "resource"] },
            "service": text_or_null, "endpoint": text_or_null, "sli": text_or_null, "slo": text_or_null,
            "environment": text_or_null, "region": text_or_null, "event": text(),
            "opened_at": time(), "updated_at": time(), "last_seen": time(),
            "duplicates": count(), "duplicates_snoozed": count(), "reopened": count(), "sources_firing": count(),
            "alert_snoozed_until": time_or_null, "escalation": maybe(&escalation),
            "paged": texts(), "told": texts(), "work_items": { "type": "array", "items": work_item }, "notes": { "type": "array", "items": note },
            "labels": map(), "annotations": map(),
        }), response_of_incident())),
        "Incidents": answer(json!({ "incidents": list("Incident"), "next_cursor": text_or_null })),
        "Snooze": {
            "description": "Either `for` or `until`, at most 30 days ahead.",
            "oneOf": [request(&["for"], json!({ "for": span() })), request(&["until"], json!({ "until": time() }))],
        },
        "Priority": request(&["priority"], json!({ "priority": text_or_null })),
        "Severity": request(&["severity"], json!({ "severity": { "enum": ["critical", "error", "warning", null] } })),
        "Note": request(&["text"], json!({ "text": { "type": "string", "minLength": 1, "maxLength": TEXT_BYTES_MAX } })),
        "Reassign": {
            "description": "Either people or an escalation policy.",
            "oneOf": [
                request(&["people"], json!({ "people": { "type": "array", "items": text(), "minItems": 1, "maxItems": REASSIGN_MAX } })),
                request(&["policy"], json!({ "policy": text() })),
            ],
        },
    })
}

fn people() -> Value {
    let (text_or_null, time_or_null) = (maybe(&text()), maybe(&time()));
    let role = answer(json!({ "role": text_or_null, "users": list("Person") }));
    let shift = answer(json!({ "start": time(), "end": time(), "roles": { "type": "array", "items": role } }));
    json!({
        "Person": answer(json!({ "id": text(), "name": text() })),
        "OnCall": answer(json!({ "at": time(), "on_call": { "type": "array", "items": answer(json!({
            "schedule": text(), "role": text_or_null, "users": list("Person"), "layer": text_or_null,
            "since": time_or_null, "until": time_or_null, "overridden": truth(), "absent": texts(),
        })) } })),
        "Shifts": answer(json!({
            "schedule": text(), "from": time(), "to": time(), "shifts": { "type": "array", "items": shift },
        })),
    })
}

fn stand_ins() -> Value {
    let (text_or_null, time_or_null) = (maybe(&text()), maybe(&time()));
    let why = json!({ "type": "string", "maxLength": STAND_IN_WHY_CHARS_MAX });
    let moment = json!({ "type": "string", "description": "RFC 3339, or a civil time in the schedule's zone." });
    let name = json!({ "type": "string", "minLength": 1 });
    let people =
        json!({ "anyOf": [name, { "type": "array", "items": name, "minItems": 1, "maxItems": OVERRIDE_PEOPLE_MAX }] });
    let row = json!({
        "id": text_or_null, "schedule": text(), "role": text_or_null, "from": time(), "to": time(),
        "state": { "type": "string", "enum": ["pending", "active", "over"] }, "what": text(), "steps_out": text_or_null,
        "steps_in": texts(), "source": { "type": "string", "enum": ["configuration", "person"] }, "by": text_or_null,
        "why": text(), "made_at": time_or_null, "swap": text_or_null, "notes": texts(),
    });
    let change = |required: &[&str], what: Value| {
        let mut properties =
            json!({ "from": moment, "to": moment, "role": maybe(&name), "why": why, "as": maybe(&name) });
        for (key, schema) in what.as_object().into_iter().flatten() {
            properties[key] = schema.clone();
        }
        request(&[&["from", "to"], required].concat(), properties)
    };
    let interval = request(&["from", "to"], json!({ "from": moment, "to": moment }));
    let given = answer(json!({ "from": time(), "to": time() }));
    let states = ["offered", "accepted", "declined", "withdrawn", "expired"];
    json!({
        "Override": answer(row),
        "Overrides": answer(json!({ "schedule": text(), "overrides": list("Override") })),
        "NewOverride": { "oneOf": [
            change(&["for", "who"], json!({ "for": name, "who": name })),
            change(&["who"], json!({ "who": people })),
            change(&["add"], json!({ "add": people })),
            change(&["remove"], json!({ "remove": name })),
            change(&["swap"], json!({ "swap": { "type": "array", "items": name, "minItems": 2, "maxItems": 2 } })),
        ] },
        "Swap": answer(json!({
            "id": text(), "state": { "type": "string", "enum": states }, "schedule": text(), "role": text_or_null,
            "from": time(), "to": time(), "person": text(), "ask": text_or_null, "in_return": maybe(&given), "why": text(),
            "by": text(), "made_at": time(), "until": time(), "declined": texts(), "settled_by": text_or_null,
            "settled_at": time_or_null, "overrides": texts(),
        })),
        "Swaps": answer(json!({ "swaps": list("Swap") })),
        "NewSwap": request(&["schedule", "from", "to", "person"], json!({
            "schedule": name, "role": maybe(&name), "from": moment, "to": moment, "person": name, "ask": maybe(&name),
            "in_return": { "anyOf": [interval, { "type": "null" }] }, "why": why, "until": maybe(&moment),
        })),
        "CalendarOf": { "oneOf": [
            request(&["person"], json!({ "person": name })),
            request(&["schedule"], json!({ "schedule": name })),
            request(&["team"], json!({ "team": name })),
        ] },
        "Calendar": answer(json!({
            "of": { "type": "string", "enum": ["person", "schedule", "team"] }, "name": text(),
            "url": { "type": "string", "format": "uri" },
        })),
        "SwapAnswer": request(&["person"], json!({ "person": name })),
    })
}

fn silences() -> Value {
    let word = json!({ "type": "string", "minLength": 1, "maxLength": TEXT_BYTES_MAX });
    let matchers = json!({ "anyOf": [text(), { "type": "array", "items": text(), "minItems": 1 }] });
    let wanted = |end: &str, schema: Value| {
        request(
            &["matchers", "comment", end],
            json!({
                "matchers": matchers, "starts_at": maybe(&time()), end: schema, "author": maybe(&word), "comment": word,
                "incident": { "type": ["integer", "null"], "minimum": 1 },
            }),
        )
    };
    json!({
        "Silence": answer(json!({
            "id": text(), "state": { "type": "string", "enum": ["pending", "active", "expired"] }, "matchers": texts(),
            "starts_at": time(), "ends_at": time(), "author": text(), "comment": text(), "updated_at": time(),
            "incident": { "type": ["integer", "null"], "minimum": 1 },
        })),
        "PreviewedSilence": { "oneOf": [
            request(&["matchers"], json!({ "matchers": matchers })),
            request(&["incident"], json!({ "incident": { "type": "integer", "minimum": 1 } })),
        ] },
        "Preview": answer(json!({
            "from": time(), "to": time(), "events": count(), "sources": count(), "incidents": count(), "pages": count(),
            "by_incident": { "type": "array", "items": answer(json!({
                "incident": count(), "opened_at": time(), "about": text(), "events": count(), "pages": count(),
            })) },
            "sample": { "type": "array", "items": answer(json!({
                "at": time(), "event": text(), "about": text(), "incident": { "type": ["integer", "null"] },
            })) },
        })),
        "Silences": answer(json!({ "silences": list("Silence"), "total": count() })),
        "NewSilence": {
            "description": "Either `for` or `ends_at`; at most 366 days.",
            "oneOf": [wanted("for", span()), wanted("ends_at", time())],
        },
        "Maintenance": answer(json!({ "maintenance": { "type": "array", "items": answer(json!({
            "name": text(), "timezone": text(), "duration": span(), "services": texts(), "environments": texts(),
            "active_until": maybe(&time()), "next_at": maybe(&time()), "excluded_because": maybe(&text()),
        })) } })),
    })
}

/// Properties of something that is of a level, with those that say of which.
fn of_level(properties: &Value) -> Value {
    let text_or_null = maybe(&text());
    let mut all = json!({
        "id": text(), "service": text(), "team": text_or_null, "slo": text(), "sli": text(), "endpoint": text_or_null,
        "environment": text_or_null, "region": text_or_null, "scope": { "type": "string", "enum": ["one", "all"] },
    });
    for (name, shape) in properties.as_object().into_iter().flatten() {
        all[name.as_str()] = shape.clone();
    }
    all
}

fn levels() -> Value {
    let (text_or_null, time_or_null) = (maybe(&text()), maybe(&time()));
    let verdict = json!({ "type": "string", "enum": ["passed", "failed", "waiting", "skipped"] });
    let point = json!({ "at": time(), "remaining_percent": text() });
    let outage = json!({
        "from": time(), "to": time(), "spent_percent": text(), "percent_per_hour": text_or_null, "through": text_or_null,
    });
    let period = json!({
        "start": time(), "end": time(), "is_over": truth(), "objective": text(), "sli_percent": text_or_null,
        "spent_percent": text_or_null, "fulfilled": maybe(&truth()), "exhausted_at": time_or_null,
        "excluded_minutes": count(),
    });
    let bullet = json!({ "at": time(), "until": time(), "by": text(), "reason": text(), "environment": text_or_null });
    let left = maybe(&answer(json!({ "used": count(), "most": count(), "until": time_or_null })));
    json!({
        "Slo": answer(of_level(&json!({
            "objective": text(), "period": text(), "period_start": time(), "period_end": time(), "slice": text_or_null,
            "sli_percent": text_or_null, "total": count(), "bad": count(),
            "status": text_or_null, "remaining_percent": text_or_null, "remaining_so_far_percent": text_or_null,
            "burn": map(), "coverage_percent": map(), "min_coverage_percent": text_or_null, "excluded_minutes": count(),
            "gone_in": text_or_null, "known_since": time_or_null, "newest": time_or_null, "firing": texts(),
        }))),
        "Slos": answer(json!({ "at": time(), "slos": list("Slo"), "total": count(), "next_cursor": text_or_null })),
        "Budget": answer(json!({
            "at": time(), "slo": r("Slo"), "exhausted_at": time_or_null,
            "speeds": answer(json!({
                "outages": { "type": "array", "items": answer(outage.clone()) },
                "average_percent_per_hour": text_or_null, "highest_percent_per_hour": text_or_null,
            })),
            "excluded": { "type": "array", "items": answer(json!({
                "name": text(), "reason": text(), "by": text(), "from": time(), "to": time(),
            })) },
            "over_time": { "type": "array", "items": answer(point.clone()) },
        })),
        "Periods": answer(json!({ "id": text(), "periods": { "type": "array", "items": answer(period.clone()) } })),
        "Adherence": answer(json!({
            "at": time(), "periods": { "type": "array", "items": answer(of_level(&period)) },
        })),
        "Depletion": answer(json!({ "at": time(), "points": { "type": "array", "items": answer(of_level(&point)) } })),
        "Speeds": answer(json!({
            "at": time(), "outages": { "type": "array", "items": answer(of_level(&outage)) },
            "average_percent_per_hour": text_or_null, "highest_percent_per_hour": text_or_null,
        })),
        "Endpoints": answer(json!({ "at": time(), "endpoints": list("Slo") })),
        "Gate": answer(json!({
            "service": text(), "may_release": truth(), "reasons": texts(), "levels": count(),
            "silver_bullet": maybe(&answer(bullet.clone())), "silver_bullets": left,
        })),
        "SilverBullets": answer(json!({
            "service": text(), "left": left, "silver_bullets": { "type": "array", "items": answer(bullet) },
        })),
        "NewSilverBullet": request(&["reason"], json!({
            "reason": { "type": "string", "minLength": 1 }, "environment": text_or_null,
        })),
        "Rotations": answer(json!({
            "from": time(), "to": time(), "rotations": { "type": "array", "items": answer(json!({
                "team": text(), "schedule": text_or_null, "roles": texts(), "services": texts(), "periods": count(),
                "people": { "type": "array", "items": answer(json!({ "id": text(), "name": text() })) },
                "covered_percent": text(), "holes": count(),
                "first_holes": { "type": "array", "items": answer(json!({ "from": time(), "to": time() })) },
            })) },
        })),
        "Load": answer(json!({ "load": { "type": "array", "items": answer(json!({
            "team": text(), "week": text(), "monday": text(), "people": count(), "pages": count(), "at_night": count(),
            "disturbed_nights": count(), "pages_per_person": text(), "at_night_per_person": text(),
        })) } })),
        "Contacts": answer(json!({ "person": text(), "contacts": list("Contact") })),
        "Contact": answer(json!({
            "channel": text(), "verified": truth(), "verified_at": time_or_null, "address_changed": truth(),
            "code_expires_at": time_or_null,
        })),
        "Code": request(&["code"], json!({ "code": { "type": "string", "pattern": "^[0-9]{6}$" } })),
        "NewDrill": request(&["route"], json!({
            "route": text(), "service": text_or_null, "environment": text_or_null, "priority": text_or_null, "for": maybe(&span()),
        })),
        "Drill": answer(json!({ "event": text(), "report": text(), "ends_at": time_or_null })),
        "DrillReport": answer(json!({
            "event": text(), "incident": maybe(&count()), "verdict": verdict, "started_at": time(), "ends_at": time_or_null,
            "hops": { "type": "array", "items": answer(json!({
                "hop": text(), "verdict": verdict, "at": time_or_null, "to": text_or_null, "detail": text(),
            })) },
        })),
    })
}

/// Alertmanager's own, version 2 of its interface.
fn alertmanager() -> Value {
    let word = json!({ "type": "string", "minLength": 1 });
    let matcher = json!({
        "type": "object", "required": ["name", "value", "isRegex"],
        "properties": { "name": word, "value": text(), "isRegex": truth(), "isEqual": truth() },
    });
    let receiver = answer(json!({ "name": text() }));
    let maybe_time = json!({ "anyOf": [time(), { "enum": ["", null] }] });
    json!({
        "AlertmanagerAlerts": { "type": "array", "maxItems": EVENTS_MAX, "items": {
            "type": "object", "required": ["labels"], "properties": {
                "labels": {
                    "type": "object", "minProperties": 1, "additionalProperties": text(),
                },
                "annotations": map(), "startsAt": maybe_time, "endsAt": maybe_time, "generatorURL": maybe(&text()),
            },
        } },
        "AlertmanagerAlert": answer(json!({
            "annotations": map(), "labels": map(), "fingerprint": text(), "generatorURL": text(),
            "startsAt": time(), "endsAt": time(), "updatedAt": time(),
            "receivers": { "type": "array", "items": receiver },
            "status": answer(json!({
                "inhibitedBy": texts(), "silencedBy": texts(), "mutedBy": texts(),
                "state": { "type": "string", "enum": ["active", "suppressed", "unprocessed"] },
            })),
        })),
        "AlertmanagerKnown": list("AlertmanagerAlert"),
        "AlertmanagerGroups": { "type": "array", "items": answer(json!({
            "labels": map(), "routeLabels": map(), "receiver": receiver, "alerts": list("AlertmanagerAlert"),
        })) },
        "AlertmanagerSilence": answer(json!({
            "id": text(), "status": answer(json!({ "state": text() })), "updatedAt": time(), "comment": text(), "createdBy": text(),
            "startsAt": time(), "endsAt": time(), "matchers": { "type": "array", "items": matcher },
        })),
        "AlertmanagerSilences": list("AlertmanagerSilence"),
        "AlertmanagerNewSilence": {
            "type": "object", "required": ["matchers", "startsAt", "endsAt", "createdBy", "comment"],
            "properties": {
                "id": maybe(&text()), "matchers": { "type": "array", "minItems": 1, "items": matcher },
                "startsAt": time(), "endsAt": time(), "createdBy": word, "comment": word,
            },
        },
        "AlertmanagerSilenceId": answer(json!({ "silenceID": text() })),
        "AlertmanagerReceivers": { "type": "array", "items": receiver },
        "AlertmanagerStatus": answer(json!({
            "cluster": { "type": "object" }, "versionInfo": map(), "config": answer(json!({ "original": text() })), "uptime": time(),
        })),
    })
}

fn operations() -> Value {
    let secret = answer(json!({
        "sha256": text(), "last_used_at": maybe(&time()), "requests": count(), "refused": count(), "expired": count(),
    }));
    let token = answer(json!({
        "name": text(), "scopes": texts(), "expires_at": maybe(&time()), "expired": truth(),
        "secrets": { "type": "array", "items": secret },
    }));
    json!({
        "Reloaded": answer(json!({ "activated": truth(), "summary": text() })),
        "Unready": answer(json!({ "ready": truth(), "reasons": texts() })),
        "Quarantine": answer(json!({
            "inputs": { "type": "array", "items": answer(json!({ "input": text(), "at": time(), "panic": text(), "text": text() })) },
            "deadlines": { "type": "array", "items": answer(json!({ "deadline": text(), "until": time() })) },
        })),
        "OpenApi": { "type": "object" },
        "Audit": answer(json!({ "next_cursor": maybe(&text()), "acts": { "type": "array", "items": answer(json!({
            "record": count(), "at": time(), "by": text(), "what": text(), "incident": maybe(&count()),
            "outcome": { "type": "string", "enum": ["done", "nothing", "refused"] }, "detail": text(),
        })) } })),
        "Tokens": answer(json!({
            "tokens": { "type": "array", "items": token },
            "rejected": { "type": "object", "additionalProperties": count() },
        })),
    })
}
