//! Which executor an app gets: the one of its name in its own namespace, else the one in the default namespace, whose
//! executors serve the whole cluster.

use kube::{Api, Client, ResourceExt};
use spinkube_api::contract::is_object_name;
use spinkube_api::{SpinApp, SpinAppExecutor};

/// The executor called `name` for an app in `namespace`, or `None` where neither namespace has it.
pub(crate) async fn find(
    client: &Client,
    namespace: &str,
    default_namespace: &str,
    name: &str,
) -> kube::Result<Option<SpinAppExecutor>> {
    if !is_object_name(name) {
        return Ok(None);
    }
    let own = Api::<SpinAppExecutor>::namespaced(client.clone(), namespace).get_opt(name).await?;
    if own.is_some() || namespace == default_namespace {
        return Ok(own);
    }
    Api::<SpinAppExecutor>::namespaced(client.clone(), default_namespace).get_opt(name).await
}

/// Name of the executor for an app in `namespace` that names none: the first in alphabetical order of its namespace,
/// else of the default namespace, else of the cluster.
pub(crate) fn default_name(executors: &[SpinAppExecutor], namespace: &str, default_namespace: &str) -> Option<String> {
    let in_namespace = |wanted: &str| {
        let names = executors.iter().filter(|executor| executor.namespace().as_deref() == Some(wanted));
        names.map(ResourceExt::name_any).min()
    };
    in_namespace(namespace)
        .or_else(|| in_namespace(default_namespace))
        .or_else(|| executors.iter().map(ResourceExt::name_any).min())
}

/// Whether `app` may be run by `executor`; a change of the executor then concerns the app.
pub(crate) fn may_run(executor: &SpinAppExecutor, default_namespace: &str, app: &SpinApp) -> bool {
    app.spec.executor == executor.name_any()
        && (app.namespace() == executor.namespace() || executor.namespace().as_deref() == Some(default_namespace))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::fixtures::app;
    use serde_json::json;
    use spinkube_api::SpinAppExecutorSpec;

    fn executor(namespace: &str, name: &str) -> SpinAppExecutor {
        let mut executor = SpinAppExecutor::new(name, SpinAppExecutorSpec::default());
        executor.metadata.namespace = Some(namespace.to_owned());
        executor
    }

    #[test]
    fn default_is_the_nearest_then_the_first() {
        let near = [executor("a", "z"), executor("a", "y"), executor("spin-operator", "b"), executor("x", "a")];
        for (executors, expected) in
            [(&near[..], Some("y")), (&near[2..], Some("b")), (&near[3..], Some("a")), (&[], None)]
        {
            assert_eq!(default_name(executors, "a", "spin-operator").as_deref(), expected);
        }
    }

    #[test]
    fn an_executor_concerns_its_namespace_or_all() {
        let app = app(&json!({"executor": "e"}));
        for (namespace, name, concerned) in
            [("default", "e", true), ("spin-operator", "e", true), ("other", "e", false), ("default", "f", false)]
        {
            assert_eq!(may_run(&executor(namespace, name), "spin-operator", &app), concerned, "{namespace}/{name}");
        }
    }
}
