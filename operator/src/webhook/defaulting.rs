//! Fills in what an app leaves out: its executor.

use kube::{Api, Client};
use serde_json::{Value, json};
use spinkube_api::SpinAppExecutor;

use super::review::{Request, Verdict};
use crate::executors::default_name;

pub(super) async fn app(request: &Request, client: &Client, default_namespace: &str) -> Verdict {
    if !needs_executor(&request.object) {
        return Verdict::Allow;
    }
    let executors = Api::<SpinAppExecutor>::all(client.clone()).list(&kube::api::ListParams::default()).await;
    match executors {
        Ok(executors) => default_name(&executors.items, &request.namespace, default_namespace)
            .map_or(Verdict::Allow, |name| Verdict::Patch(patch(&request.object, &name))),
        Err(error) => Verdict::Failed(format!("can't list executors to choose one for the app: {error}")),
    }
}

fn needs_executor(app: &Value) -> bool {
    app.pointer("/spec/executor").and_then(Value::as_str).unwrap_or_default().is_empty()
}

fn patch(app: &Value, executor: &str) -> Value {
    match app.get("spec") {
        // "add" also replaces.
        Some(Value::Object(_)) => json!([{"op": "add", "path": "/spec/executor", "value": executor}]),
        _ => json!([{"op": "add", "path": "/spec", "value": {"executor": executor}}]),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_a_missing_executor_is_filled_in() {
        for (object, needed) in [
            (json!({"spec": {"executor": "mine"}}), false),
            (json!({"spec": {"executor": ""}}), true),
            (json!({"spec": {"image": "i"}}), true),
            (json!({}), true),
        ] {
            assert_eq!(needs_executor(&object), needed, "{object}");
            if needed {
                let mut patched = object.clone();
                let patch: json_patch::Patch = serde_json::from_value(patch(&object, "chosen")).unwrap();
                json_patch::patch(&mut patched, &patch).unwrap();
                assert_eq!(patched["spec"]["executor"], "chosen", "{object}");
                assert_eq!(patched["spec"]["image"], object["spec"]["image"]);
            }
        }
    }
}
