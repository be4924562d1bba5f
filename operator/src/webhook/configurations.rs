//! Writes the CA into the webhook configurations, by which the API server knows us.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};

/// Name of the mutating configuration, as upstream's installation has it.
pub(super) const MUTATING: &str = "spin-operator-mutating-webhook-configuration";
/// Name of the validating configuration.
pub(super) const VALIDATING: &str = "spin-operator-validating-webhook-configuration";

/// The Service by which the API server reaches the webhooks.
#[derive(Clone, Debug)]
pub(crate) struct ServiceRef {
    pub(crate) name: String,
    pub(crate) namespace: String,
}

impl ServiceRef {
    /// The name that the API server asks the certificate for.
    pub(super) fn host(&self) -> String {
        format!("{}.{}.svc", self.name, self.namespace)
    }

    /// All names by which the cluster knows the Service.
    pub(super) fn hosts(&self) -> Vec<String> {
        vec![self.host(), format!("{}.{}", self.name, self.namespace), format!("{}.cluster.local", self.host())]
    }
}

/// Brings both configurations up to date with the CA; the name of one that is not installed.
pub(super) async fn announce(client: &Client, ca: &str, service: &ServiceRef) -> kube::Result<Option<&'static str>> {
    let kinds = [
        (MUTATING, ApiResource::erase::<MutatingWebhookConfiguration>(&())),
        (VALIDATING, ApiResource::erase::<ValidatingWebhookConfiguration>(&())),
    ];
    for (name, kind) in kinds {
        let api = Api::<DynamicObject>::all_with(client.clone(), &kind);
        let Some(configuration) = api.get_opt(name).await? else { return Ok(Some(name)) };
        let operations = operations(&configuration.data, ca, service);
        if !operations.is_empty() {
            let patch = serde_json::from_value(Value::from(operations)).map_err(kube::Error::SerdeError)?;
            api.patch(name, &PatchParams::default(), &Patch::<()>::Json(patch)).await?;
            tracing::info!(configuration = name, "webhook CA announced");
        }
    }
    Ok(None)
}

/// JSON patch that gives our webhooks this CA; empty if they have it. The tests fail it if the list has changed since.
fn operations(configuration: &Value, ca: &str, service: &ServiceRef) -> Vec<Value> {
    let ca = STANDARD.encode(ca);
    let webhooks = configuration["webhooks"].as_array().into_iter().flatten().enumerate();
    let ours = webhooks.filter(|(_, webhook)| {
        let target = &webhook["clientConfig"]["service"];
        target["name"] == service.name.as_str() && target["namespace"] == service.namespace.as_str()
    });
    ours.filter(|(_, webhook)| webhook["clientConfig"]["caBundle"] != ca.as_str())
        .flat_map(|(index, webhook)| {
            [
                json!({"op": "test", "path": format!("/webhooks/{index}/name"), "value": webhook["name"]}),
                json!({"op": "add", "path": format!("/webhooks/{index}/clientConfig/caBundle"), "value": ca}),
            ]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_our_webhooks_that_do_not_have_it() {
        let service = ServiceRef { name: "s".into(), namespace: "n".into() };
        let webhook = |name: &str, service: &str, ca: Value| json!({"name": name, "clientConfig": {"service": {"name": service, "namespace": "n"}, "caBundle": ca}});
        let mut configuration = json!({"webhooks": [
            webhook("done", "s", json!(STANDARD.encode("ca"))),
            webhook("foreign", "other", Value::Null),
            webhook("missing", "s", Value::Null),
            webhook("old", "s", json!("b2xk")),
        ]});
        let patch = operations(&configuration, "ca", &service);
        json_patch::patch(
            &mut configuration,
            &serde_json::from_value::<json_patch::Patch>(Value::from(patch)).unwrap(),
        )
        .unwrap();
        let bundles: Vec<_> =
            (0..4).map(|index| configuration["webhooks"][index]["clientConfig"]["caBundle"].clone()).collect();
        assert_eq!(bundles, [json!("Y2E="), Value::Null, json!("Y2E="), json!("Y2E=")]);
        assert_eq!(operations(&configuration, "ca", &service), [] as [Value; 0]);
        assert_eq!(operations(&json!({}), "ca", &service), [] as [Value; 0]);
    }
}
