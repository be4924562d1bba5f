//! Defaults, validations and merge markers of Kubernetes' own types, which the generated schemas of those types lack.
//! The markers matter: they decide how server-side apply merges lists and maps of an app.

use schemars::Schema;
use schemars::transform::{Transform, transform_subschemas};
use serde_json::{Map, Value, json};

const QUANTITY: &str = r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";
const REASON: &str = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$";
const CONDITION_TYPE: &str =
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$";

/// References to one object by `name`, whole or nothing. The name may be absent, for reasons of history.
const REFERENCES: [&str; 6] =
    ["secretRef", "nodePublishSecretRef", "configMapKeyRef", "secretKeyRef", "configMap", "secret"];
/// Other objects that are applied whole or not at all.
const ATOMIC_MAPS: [&str; 6] =
    ["fieldRef", "resourceFieldRef", "fileKeyRef", "dataSource", "selector", "labelSelector"];
/// Lists that are applied whole or not at all.
const ATOMIC_LISTS: [&str; 9] =
    ["monitors", "items", "accessModes", "targetWWNs", "wwids", "portals", "sources", "matchExpressions", "values"];
/// Defaults by object and field.
const DEFAULTS: [(&str, &str, &str); 7] = [
    ("azureDisk", "fsType", "ext4"),
    ("iscsi", "iscsiInterface", "default"),
    ("rbd", "keyring", "/etc/ceph/keyring"),
    ("rbd", "pool", "rbd"),
    ("rbd", "user", "admin"),
    ("scaleIO", "fsType", "xfs"),
    ("scaleIO", "storageMode", "ThinProvisioned"),
];
/// Defaults of switches, all off.
const OFF: [(&str, &str); 2] = [("azureDisk", "readOnly"), ("fileKeyRef", "optional")];

pub(super) struct Markers;

impl Transform for Markers {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(object) = schema.as_object_mut() {
            // Upstream's types have no null: an absent field is absent.
            object.remove("nullable");
            if object.get("x-kubernetes-int-or-string") == Some(&json!(true)) {
                object.insert("anyOf".to_owned(), json!([{"type": "integer"}, {"type": "string"}]));
                object.insert("pattern".to_owned(), json!(QUANTITY));
                // Its alternatives are not schemas of their own.
                return;
            }
            if let Some(Value::Object(properties)) = object.get_mut("properties") {
                for (name, property) in properties.iter_mut().filter_map(|(k, v)| Some((k, v.as_object_mut()?))) {
                    mark(name, property);
                }
            }
        }
        transform_subschemas(self, schema);
    }
}

fn mark(name: &str, property: &mut Map<String, Value>) {
    let is = |type_: &str| property.get("type").is_some_and(|found| found == type_);
    let (is_object, is_list) = (is("object"), is("array"));
    if REFERENCES.contains(&name) && is_object {
        reference(property);
    }
    if ATOMIC_MAPS.contains(&name) && is_object {
        property.insert("x-kubernetes-map-type".to_owned(), json!("atomic"));
    }
    if ATOMIC_LISTS.contains(&name) && is_list {
        property.insert("x-kubernetes-list-type".to_owned(), json!("atomic"));
    }
    for (object, field, default) in DEFAULTS {
        set(property, name == object, field, "default", json!(default));
    }
    for (object, field) in OFF {
        set(property, name == object, field, "default", json!(false));
    }
    match (name, property.get_mut("items").and_then(Value::as_object_mut)) {
        ("imagePullSecrets", Some(items)) => reference(items),
        ("conditions", Some(items)) => condition(items),
        // Nothing of a claim template's metadata is kept.
        ("volumeClaimTemplate", _) => {
            if let Some(fields) = property.get_mut("properties") {
                fields["metadata"] = json!({"type": "object"});
            }
        }
        _ => {}
    }
}

fn reference(property: &mut Map<String, Value>) {
    if property.get("properties").is_none_or(|fields| fields.get("name").is_none()) {
        return;
    }
    property.insert("x-kubernetes-map-type".to_owned(), json!("atomic"));
    set(property, true, "name", "default", json!(""));
    if let Some(Value::Array(required)) = property.get_mut("required") {
        required.retain(|field| field != "name");
        if required.is_empty() {
            property.remove("required");
        }
    }
}

fn condition(items: &mut Map<String, Value>) {
    for (field, keyword, value) in [
        ("message", "maxLength", json!(32768)),
        ("observedGeneration", "minimum", json!(0)),
        ("reason", "maxLength", json!(1024)),
        ("reason", "minLength", json!(1)),
        ("reason", "pattern", json!(REASON)),
        ("status", "enum", json!(["True", "False", "Unknown"])),
        ("type", "maxLength", json!(316)),
        ("type", "pattern", json!(CONDITION_TYPE)),
    ] {
        set(items, true, field, keyword, value);
    }
}

fn set(object: &mut Map<String, Value>, applies: bool, field: &str, keyword: &str, value: Value) {
    if let Some(field) = object.get_mut("properties").and_then(|all| all.get_mut(field)).filter(|_| applies) {
        field[keyword] = value;
    }
}
