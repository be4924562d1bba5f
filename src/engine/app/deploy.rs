//! Applies an app and waits until it answers.

use std::{path::PathBuf, time::Duration};

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    api::{ObjectMeta, Patch, PatchParams},
};
use spinkube_api::{SpinApp, contract::DEFAULT_EXECUTOR};

use super::{
    AppError, Prepared,
    desired::{self, MANAGER, Wanted},
    list::no_operator,
    push,
    rollout::Rollout,
    secrets::{Secrets, read_runtime_config},
    url,
    variables::Values,
};
use crate::engine::{Engine, cluster::Cluster, event::AppSummary};

/// How an app is deployed.
#[derive(Debug, Clone)]
pub struct DeployOptions {
    /// Where to; made when it is missing.
    pub namespace: String,
    /// Pods; `None` keeps what a deployed app has, and gives a new one 1.
    pub replicas: Option<i32>,
    /// Application variables.
    pub variables: Values,
    /// Spin's runtime config.
    pub runtime_config: Option<PathBuf>,
    /// How long the rollout may take.
    pub limit: Duration,
}

impl Default for DeployOptions {
    fn default() -> Self {
        Self {
            namespace: "default".into(),
            replicas: None,
            variables: Values::default(),
            runtime_config: None,
            limit: Duration::from_mins(2),
        }
    }
}

/// Pushes and applies a prepared app, and waits until its rollout is done and it answers.
pub async fn deploy_prepared(
    engine: &Engine,
    cluster: &Cluster,
    registry: &str,
    app: &Prepared,
    options: &DeployOptions,
) -> Result<AppSummary, AppError> {
    let events = &engine.events;
    let (client, namespace, name) = (&cluster.client, options.namespace.as_str(), app.name.as_str());
    let variables = options.variables.resolve(name, app.variables.as_ref())?;
    let runtime_config = options.runtime_config.as_deref().map(read_runtime_config).transpose()?;
    let image = push::for_nodes(engine, registry, app).await?;
    ensure_namespace(engine, client, namespace).await?;

    let apps: Api<SpinApp> = Api::namespaced(client.clone(), namespace);
    let there = apps.get_opt(name).await.map_err(no_operator(format!("look for {name}")))?;
    let secrets = Secrets::plan(client, namespace, name, &variables.secret, runtime_config.as_deref()).await?;
    let replicas = match &there {
        _ if options.replicas.is_some() => options.replicas,
        Some(there) if there.spec.enable_autoscaling => None,
        Some(there) => there.spec.replicas.or(Some(1)),
        None => Some(1),
    };
    let config = secrets.revisions();
    let (object, spec) = desired::spin_app(&Wanted {
        name,
        namespace,
        image: &image,
        replicas,
        variables: &variables,
        runtime_config: runtime_config.is_some(),
        config: &config,
    });
    let step = format!("roll out {name}");
    let rolled_out = async {
        // In this order: pods need the Secrets, the Secrets' owner must exist, old events must be known as old.
        let rollout = Rollout::watch(client, namespace, name).await?;
        secrets.apply(there.as_ref().and_then(desired::owner).as_ref()).await?;
        let applied = apply(&apps, name, object).await?;
        let owner = desired::owner(&applied).ok_or(AppError::Interrupted)?;
        if there.is_none() {
            secrets.apply(Some(&owner)).await?;
        }
        let rolled_out = rollout.finish(&spec, options.limit, |text| events.progress(&step, text));
        let url = async {
            if app.serves_http {
                url::ensure(engine, cluster, namespace, name, owner).await.map(Some)
            } else {
                Ok(None)
            }
        };
        let ((), forwarder) = tokio::try_join!(rolled_out, url)?;
        secrets.remove_unused().await?;
        Ok::<_, AppError>((applied, forwarder))
    };
    let (applied, forwarder) = events.step(&step, rolled_out).await?;
    if let Some(forwarder) = &forwarder {
        events.step(&format!("reach {name}"), url::wait_for_answer(forwarder)).await?;
    }
    let replicas = applied.spec.replicas.unwrap_or(1);
    Ok(AppSummary {
        name: name.into(),
        namespace: namespace.into(),
        url: forwarder.map(|it| it.url()),
        image,
        ready: replicas,
        desired: replicas,
    })
}

async fn apply(apps: &Api<SpinApp>, name: &str, object: SpinApp) -> Result<SpinApp, AppError> {
    let params = PatchParams::apply(MANAGER).force();
    match apps.patch(name, &params, &Patch::Apply(object)).await {
        Ok(applied) => Ok(applied),
        // The operator's webhook looks for the executor before the app exists.
        Err(kube::Error::Api(status)) if status.message.contains("executor does not exist") => {
            Err(AppError::MissingExecutor {
                app: name.into(),
                executor: DEFAULT_EXECUTOR.into(),
                message: status.message,
            })
        }
        Err(error) => Err(no_operator(format!("apply {name}"))(error)),
    }
}

async fn ensure_namespace(engine: &Engine, client: &Client, namespace: &str) -> Result<(), AppError> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let there = namespaces.get_opt(namespace).await;
    if there.map_err(AppError::api(format!("look for the namespace {namespace}")))?.is_some() {
        return Ok(());
    }
    let object = Namespace {
        metadata: ObjectMeta { name: Some(namespace.into()), ..ObjectMeta::default() },
        ..Namespace::default()
    };
    let params = PatchParams::apply(MANAGER).force();
    let made = namespaces.patch(namespace, &params, &Patch::Apply(object)).await;
    made.map_err(AppError::api(format!("make the namespace {namespace}")))?;
    engine.events.notice(format!("made the namespace {namespace}"));
    Ok(())
}
