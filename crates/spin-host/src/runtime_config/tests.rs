#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<RuntimeConfig, RuntimeConfigError> {
    RuntimeConfig::parse(text, Path::new("/etc/spin"))
}

fn message(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn reads_stores_and_providers_in_order() {
    let config = parse(
        r#"
        state_dir = "state"
        max_instance_memory = "10000000"
        [[variables_provider]]
        type = "static"
        values = { a = "1", b = 2 }
        [[config_provider]]
        type = "env"
        prefix = "APP"
        [key_value_store.default]
        type = "spin"
        path = "kv.db"
        [key_value_store.cache]
        type = "spin"
        [sqlite_database.default]
        type = "spin"
        [outbound_http]
        max_connections = "5"
        "#,
    )
    .unwrap();
    assert_eq!(
        config,
        RuntimeConfig {
            state_dir: Some(Some("/etc/spin/state".into())),
            max_instance_memory: Some(10_000_000),
            key_value_stores: [
                ("default".to_owned(), KeyValueStore::Spin { path: Some("/etc/spin/kv.db".into()) }),
                ("cache".to_owned(), KeyValueStore::Spin { path: None }),
            ]
            .into(),
            variables_providers: vec![
                VariablesProvider::Static {
                    values: [("a", "1"), ("b", "2")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
                },
                VariablesProvider::Env { prefix: Some("APP".to_owned()) },
            ],
        }
    );
    assert_eq!(parse("state_dir = \"\"").unwrap().state_dir, Some(None));
    assert_eq!(parse("").unwrap(), RuntimeConfig::default());
}

#[test]
fn unknown_keys_are_refused_with_the_nearest() {
    insta::assert_snapshot!(message("[key_value_stores.a]\ntype = \"spin\""), @"the runtime configuration has an unknown key `key_value_stores` (did you mean `key_value_store`?); remove it or correct it");
    insta::assert_snapshot!(message("[key_value_store.a]\ntype = \"spin\"\npth = \"x\""), @"the runtime configuration has an unknown key `key_value_store.a.pth` (did you mean `path`?); remove it or correct it");
    insta::assert_snapshot!(message("[key_value_store.a]\ntype = \"rediss\""), @r#"the runtime configuration has an unknown key `key_value_store.a.type = "rediss"` (did you mean `redis`?); remove it or correct it"#);
    insta::assert_snapshot!(message("[zzz]"), @"the runtime configuration has an unknown key `zzz`; remove it or correct it");
    insta::assert_snapshot!(message("[outbound_http]\npooling = true"), @"the runtime configuration has an unknown key `outbound_http.pooling`; remove it or correct it");
}

#[test]
fn what_is_not_offered_is_named() {
    insta::assert_snapshot!(message("[key_value_store.a]\ntype = \"redis\"\nurl = \"redis://x\""), @r#"the runtime configuration uses a key-value store of type "redis", which this host doesn't offer yet; use type "spin""#);
    insta::assert_snapshot!(message("[[variables_provider]]\ntype = \"vault\"\nurl = \"u\"\ntoken = \"t\"\nmount = \"m\""), @r#"the runtime configuration uses a variables provider of type "vault", which this host doesn't offer yet; give the values as environment variables from a Secret"#);
    insta::assert_snapshot!(message("[outbound_networking]\nblock_networks = [\"private\"]"), @"the runtime configuration uses `block_networks`, which this host doesn't offer yet; use a NetworkPolicy, or narrow allowed_outbound_hosts");
}

#[test]
fn wrong_values_are_named() {
    insta::assert_snapshot!(message("[key_value_store]\na = 1"), @"`key_value_store.a` in the runtime configuration must be a table; correct runtime-config.toml");
    insta::assert_snapshot!(message("[key_value_store.a]\npath = \"x\""), @"`key_value_store.a.type` in the runtime configuration must be given: it chooses the backend; correct runtime-config.toml");
    insta::assert_snapshot!(message("max_instance_memory = -1"), @"`max_instance_memory` in the runtime configuration must be a number that is not negative; correct runtime-config.toml");
    assert!(message("a = ").starts_with("the runtime configuration is not valid TOML: "));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        let _ = parse(&text);
    }
}
