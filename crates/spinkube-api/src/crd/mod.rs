//! The CRDs, structurally equal to upstream's `main` but for our additions: the scale subresource with its two status
//! fields, and `spec.deploymentConfig.minimalPods` of executors.

mod markers;
#[cfg(test)]
mod parity;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use schemars::Schema;
use schemars::transform::Transform;
use serde_json::{Value, json};

use crate::{SpinApp, SpinAppExecutor};

/// Both CRDs.
///
/// # Panics
/// Never: the schemas are generated from types of this crate, and a test generates them.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![finish(SpinApp::crd()), finish(SpinAppExecutor::crd())]
}

fn finish(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    crd.spec.names.list_kind = Some(format!("{}List", crd.spec.names.kind));
    // No short names and no categories are said by leaving the lists out.
    crd.spec.names.short_names = crd.spec.names.short_names.filter(|names| !names.is_empty());
    crd.spec.names.categories = crd.spec.names.categories.filter(|names| !names.is_empty());
    for version in &mut crd.spec.versions {
        let schema = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.take());
        let schema = serde_json::to_value(schema).expect("a schema is plain data");
        let mut schema = Schema::try_from(schema).expect("kube generates an object");
        markers::Markers.transform(&mut schema);
        let mut schema = schema.to_value();
        complete(&mut schema);
        let schema = serde_json::from_value(schema).expect("what came from a schema is one");
        version.schema.get_or_insert_default().open_api_v3_schema = Some(schema);
        version.selectable_fields = version.selectable_fields.take().filter(|fields| !fields.is_empty());
    }
    crd
}

/// What every kind has beside spec and status, and what serde's view of the types can't say.
fn complete(schema: &mut Value) {
    let reference = "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md";
    let text = |description: &str, anchor: &str| json!({"type": "string", "description": format!("{description} See {reference}#{anchor}")});
    schema["properties"]["apiVersion"] = text("Version of this representation of the object.", "resources");
    schema["properties"]["kind"] = text("What the object represents.", "types-kinds");
    schema["properties"]["metadata"] = json!({"type": "object"});
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("required");
        schema.remove("title");
    }
    // The mutating webhook fills it in, so the types let it be absent.
    let spec = &mut schema["properties"]["spec"];
    if spec["properties"].get("executor").is_some() {
        spec["required"] = json!(["executor", "image"]);
    }
}
