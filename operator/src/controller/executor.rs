//! Reconciles one `SpinAppExecutor`: keeps it from being deleted while apps depend on it.

use std::collections::BTreeSet;
use std::sync::Arc;

use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::controller::Action;
use kube::runtime::finalizer::{Error as FinalizerError, Event, finalizer};
use kube::{Api, ResourceExt};
use spinkube_api::contract::FINALIZER;
use spinkube_api::{SpinApp, SpinAppExecutor};

use super::error::Error;
use super::{Context, measured, report};

pub(super) async fn reconcile(
    object: Arc<DeserializeGuard<SpinAppExecutor>>,
    context: Arc<Context>,
) -> Result<Action, Error> {
    measured("spinappexecutor", object.as_ref(), &context, async {
        let executor = match &object.0 {
            Ok(executor) => Arc::new(executor.clone()),
            Err(invalid) => {
                let error = Error::Invalid(invalid.error.clone());
                report::failure_event::<SpinAppExecutor>(&context, &invalid.metadata, &error).await;
                return Err(error);
            }
        };
        let namespace = executor.namespace().unwrap_or_default();
        let api = Api::<SpinAppExecutor>::namespaced(context.client.clone(), &namespace);
        let result = finalizer(&api, FINALIZER, executor.clone(), |event| async {
            match event {
                Event::Apply(_) => Ok(Action::await_change()),
                Event::Cleanup(executor) => cleanup(&executor, &context).await,
            }
        });
        match result.await {
            Err(FinalizerError::ApplyFailed(error) | FinalizerError::CleanupFailed(error)) => {
                report::failure_event::<SpinAppExecutor>(&context, &executor.metadata, &error).await;
                Err(error)
            }
            // The executor went, or somebody else changed the finalizers: its next event says how it is now.
            Err(
                FinalizerError::AddFinalizer(kube::Error::Api(status))
                | FinalizerError::RemoveFinalizer(kube::Error::Api(status)),
            ) if matches!(status.code, 404 | 409 | 422) => Ok(Action::await_change()),
            Err(FinalizerError::AddFinalizer(error) | FinalizerError::RemoveFinalizer(error)) => Err(error.into()),
            Err(error @ (FinalizerError::UnnamedObject | FinalizerError::InvalidFinalizer)) => {
                Err(Error::Invalid(error.to_string()))
            }
            Ok(action) => Ok(action),
        }
    })
    .await
}

async fn cleanup(executor: &SpinAppExecutor, context: &Context) -> Result<Action, Error> {
    if dependents(executor, context).await? {
        return Err(Error::DeletionBlocked);
    }
    Ok(Action::await_change())
}

/// Whether any app is run by this executor. One of the default namespace also runs the apps of namespaces that have
/// no executor of this name.
async fn dependents(executor: &SpinAppExecutor, context: &Context) -> Result<bool, Error> {
    let name = executor.name_any();
    let namespace = executor.namespace().unwrap_or_default();
    // As plain JSON: an app that can't be read as a SpinApp depends on its executor all the same.
    let kind = ApiResource::erase::<SpinApp>(&());
    if namespace != context.default_namespace {
        let apps = Api::<DynamicObject>::namespaced_with(context.client.clone(), &namespace, &kind);
        return Ok(apps.list(&ListParams::default()).await?.iter().any(|app| names_executor(app, &name)));
    }
    let apps = Api::<DynamicObject>::all_with(context.client.clone(), &kind).list(&ListParams::default()).await?;
    let same_name = ListParams::default().fields(&format!("metadata.name={name}"));
    let others = Api::<PartialObjectMeta<SpinAppExecutor>>::all(context.client.clone()).list(&same_name).await?;
    let served: BTreeSet<_> =
        others.iter().filter_map(ResourceExt::namespace).filter(|other| *other != namespace).collect();
    Ok(apps.iter().any(|app| names_executor(app, &name) && app.namespace().is_none_or(|own| !served.contains(&own))))
}

fn names_executor(app: &DynamicObject, name: &str) -> bool {
    app.data.pointer("/spec/executor").and_then(serde_json::Value::as_str) == Some(name)
}
