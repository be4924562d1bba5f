#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;

/// An app as Spin 3 writes it, with most fields in use.
fn spin_lock() -> Value {
    json!({
        "spin_lock_version": 1,
        "must_understand": ["component_host_requirements"],
        "metadata": {
            "authors": ["A <a@example.com>"],
            "description": "d",
            "name": "hello",
            "trigger": {"type": "http"},
            "triggers": {"http": {}},
            "version": "0.1.0",
            "profile": "debug"
        },
        "variables": {"greetee": {"default": "world"}, "token": {"secret": true}},
        "triggers": [
            {"id": "hello-http-trigger", "trigger_type": "http",
             "trigger_config": {"component": "hello", "route": "/..."}}
        ],
        "components": [{
            "id": "hello",
            "metadata": {
                "allowed_outbound_hosts": ["http://back.spin.internal"],
                "key_value_stores": ["default"],
                "databases": ["main"],
                "build": {"command": "cargo build"}
            },
            "source": {"content_type": "application/wasm", "digest": "sha256:aa"},
            "env": {"A": "1"},
            "files": [{"inline": "aGk=", "digest": "sha256:bb", "path": "a/b.txt"}],
            "config": {"greetee": "{{ greetee }}"},
            "host_requirements": {"local_service_chaining": "required", "later": "optional"}
        }]
    })
}

fn read(value: &Value) -> Result<LockedApp, LockedError> {
    LockedApp::from_json(value.to_string().as_bytes())
}

#[test]
fn what_spin_writes_survives_reading_and_writing() {
    let app = read(&spin_lock()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&app.to_json()).unwrap(), spin_lock());
    assert_eq!(app.component("hello").unwrap().files[0].content.inline.as_deref(), Some(&b"hi"[..]));
    assert_eq!(app.required_variables().collect::<Vec<_>>(), ["token"]);
    assert_eq!(app.triggers_of("http").next().unwrap().component(), Some("hello"));
}

#[test]
fn version_is_0_unless_a_field_needs_1() {
    let app = read(&json!({"spin_lock_version": 1, "triggers": [], "components": []})).unwrap();
    assert_eq!(String::from_utf8(app.to_json()).unwrap(), r#"{"spin_lock_version":0,"triggers":[],"components":[]}"#);
}

#[test]
fn unknown_fields_are_ignored_and_unknown_musts_are_not() {
    let mut lock = spin_lock();
    lock["shiny"] = json!(1);
    lock["components"][0]["shiny"] = json!(1);
    read(&lock).unwrap();
    lock["must_understand"] = json!(["host_requirements", "shiny"]);
    insta::assert_snapshot!(read(&lock).unwrap_err(), @"the app needs what this host does not offer: shiny; use a newer spinkube-dev, or leave the feature out of the app");
    lock["spin_lock_version"] = json!(2);
    let newer = read(&lock).unwrap_err().to_string();
    assert!(newer.contains("it has spin_lock_version 2, but the newest known is 1"), "{newer}");
}

#[test]
fn required_features_must_be_supported_and_optional_ones_need_not() {
    let app = read(&spin_lock()).unwrap();
    app.check_host_requirements("http", &[SERVICE_CHAINING]).unwrap();
    insta::assert_snapshot!(app.check_host_requirements("http", &[]).unwrap_err(), @"the app needs what this host does not offer: local_service_chaining; use a newer spinkube-dev, or leave the feature out of the app");
    app.check_host_requirements("redis", &[]).unwrap();
}

#[test]
fn old_apps_keep_their_trigger_wide_configuration() {
    let app = read(&json!({
        "spin_lock_version": 0, "metadata": {"trigger": {"type": "redis", "address": "redis://x"}},
        "triggers": [], "components": []
    }))
    .unwrap();
    assert_eq!(app.metadata.trigger_wide("redis").unwrap()["address"], "redis://x");
    assert_eq!(app.metadata.trigger_wide("http"), None);
}
