//! Says what happened: the app's status, and an Event for each failure.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::api::{ObjectMeta, Patch, PatchParams};
use kube::runtime::events::{Event, EventType};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;
use spinkube_api::contract::FIELD_MANAGER;
use spinkube_api::{SpinApp, SpinAppStatus};

use super::Context;
use super::error::Error;
use crate::status::{Failure, Observed, status, without_deployment};

/// Longest note that the Events API takes, in bytes.
const MAX_NOTE: usize = 1024;

/// Writes the status that follows from what was observed, if it says anything new.
pub(super) async fn app_status(context: &Context, app: &SpinApp, observed: &Observed<'_>) -> Result<(), Error> {
    write(context, app, status(app, observed)).await
}

/// Clears what an earlier Deployment left in the status. Who runs the app now may write the rest.
pub(super) async fn app_without_deployment(context: &Context, app: &SpinApp) -> Result<(), Error> {
    match without_deployment(app) {
        Some(status) => write(context, app, status).await,
        None => Ok(()),
    }
}

/// An Event and a condition for a reconciliation that failed. Failing to say so is logged: the reconciliation is
/// repeated anyway.
pub(super) async fn app_failure(context: &Context, app: &SpinApp, error: &Error) {
    failure_event::<SpinApp>(context, &app.metadata, error).await;
    let deployments = Api::<Deployment>::namespaced(context.client.clone(), &app.namespace().unwrap_or_default());
    let result = async {
        let deployment = deployments.get_opt(&app.name_any()).await?;
        let failure = Failure { reason: error.reason(), message: error.to_string() };
        let observed = Observed { deployment: deployment.as_ref(), service: None, failure: Some(failure) };
        app_status(context, app, &observed).await
    };
    if let Err(error) = result.await {
        tracing::warn!(namespace = app.namespace(), name = app.name_any(), "status: {error}");
    }
}

/// A Warning about the object with this metadata.
pub(super) async fn failure_event<K>(context: &Context, object: &ObjectMeta, error: &Error)
where
    K: Resource<DynamicType = ()>,
{
    let about = ObjectReference {
        api_version: Some(K::api_version(&()).into_owned()),
        kind: Some(K::kind(&()).into_owned()),
        name: object.name.clone(),
        namespace: object.namespace.clone(),
        uid: object.uid.clone(),
        ..ObjectReference::default()
    };
    let mut note = error.to_string();
    note.truncate(note.floor_char_boundary(MAX_NOTE));
    let event = Event {
        type_: EventType::Warning,
        reason: error.reason().to_owned(),
        note: Some(note),
        action: "Reconcile".to_owned(),
        secondary: None,
    };
    if let Err(error) = context.recorder.publish(&event, &about).await {
        tracing::warn!(namespace = object.namespace, name = object.name, "event: {error}");
    }
}

async fn write(context: &Context, app: &SpinApp, status: SpinAppStatus) -> Result<(), Error> {
    if app.status.as_ref() == Some(&status) {
        return Ok(());
    }
    let apps = Api::<SpinApp>::namespaced(context.client.clone(), &app.namespace().unwrap_or_default());
    let patch = json!({
        "apiVersion": SpinApp::api_version(&()),
        "kind": SpinApp::kind(&()),
        // The uid keeps a successor of the same name from getting this status.
        "metadata": {"uid": app.metadata.uid},
        "status": status,
    });
    let params = PatchParams::apply(FIELD_MANAGER).force();
    match apps.patch_status(&app.name_any(), &params, &Patch::Apply(patch)).await {
        // The app went while it was reconciled.
        Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(()),
        result => result.map(drop).map_err(Error::from),
    }
}
