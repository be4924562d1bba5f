//! Reconciles one `SpinApp`.

use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use spinkube_api::{SpinApp, SpinAppExecutor};

use super::error::Error;
use super::{Context, children, config_secrets, measured, report};
use crate::executors;
use crate::status::Observed;

/// Watches can miss what no watch covers, such as a deleted CA Secret.
const RESYNC: Duration = Duration::from_mins(10);

pub(super) async fn reconcile(object: Arc<DeserializeGuard<SpinApp>>, context: Arc<Context>) -> Result<Action, Error> {
    measured("spinapp", object.as_ref(), &context, async {
        let app = match &object.0 {
            Ok(app) => app,
            Err(invalid) => {
                let error = Error::Invalid(invalid.error.clone());
                report::failure_event::<SpinApp>(&context, &invalid.metadata, &error).await;
                return Err(error);
            }
        };
        // Children go with their owner; there is nothing to do for an app that is being deleted.
        if app.metadata.deletion_timestamp.is_some() {
            return Ok(Action::await_change());
        }
        let result = apply(app, &context).await;
        if let Err(error) = &result {
            report::app_failure(&context, app, error).await;
        }
        result.map(|()| Action::requeue(RESYNC))
    })
    .await
}

async fn apply(app: &SpinApp, context: &Context) -> Result<(), Error> {
    let client = &context.client;
    let executor = find_executor(app, context).await?;
    if !executor.spec.create_deployment {
        children::delete_deployment(client, app).await?;
        children::apply_service(client, app).await?;
        config_secrets::collect(client, app, None).await?;
        return report::app_without_deployment(context, app).await;
    }
    let missing = || Error::MissingDeploymentConfig {
        namespace: executor.namespace().unwrap_or_default(),
        name: executor.name_any(),
    };
    let config = executor.spec.deployment_config.as_ref().ok_or_else(missing)?;
    let deployment = children::apply_deployment(client, app, config).await?;
    let service = children::apply_service(client, app).await?;
    config_secrets::collect(client, app, Some(&deployment)).await?;
    let observed = Observed { deployment: Some(&deployment), service: Some(&service), failure: None };
    report::app_status(context, app, &observed).await
}

async fn find_executor(app: &SpinApp, context: &Context) -> Result<SpinAppExecutor, Error> {
    let namespace = app.namespace().unwrap_or_default();
    let name = &app.spec.executor;
    let found = executors::find(&context.client, &namespace, &context.default_namespace, name).await?;
    found.ok_or_else(|| Error::MissingExecutor { namespace, name: name.clone() })
}
