//! Which objects to reconcile when another one changes.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Resource, ResourceExt};
use spinkube_api::runtime_config::{References, RuntimeConfig};
use spinkube_api::{SpinApp, SpinAppExecutor};

use crate::executors::may_run;

type Guarded<K> = DeserializeGuard<K>;
type AppRef = ObjectRef<Guarded<SpinApp>>;

/// Apps that the executor may run.
pub(super) fn apps_of_executor(
    apps: &Store<Guarded<SpinApp>>,
    default_namespace: &str,
    executor: &SpinAppExecutor,
) -> Vec<AppRef> {
    select(apps, |app| may_run(executor, default_namespace, app))
}

/// Executors that may run the app: a deleted app may free one from its finalizer.
pub(super) fn executors_of_app(
    executors: &Store<Guarded<SpinAppExecutor>>,
    default_namespace: &str,
    app: &Guarded<SpinApp>,
) -> Vec<ObjectRef<Guarded<SpinAppExecutor>>> {
    let Ok(app) = &app.0 else { return Vec::new() };
    select(executors, |executor| {
        executor.metadata.deletion_timestamp.is_some() && may_run(executor, default_namespace, app)
    })
}

/// Apps whose runtime config takes values from the Secret, and the app that owns it.
pub(super) fn apps_of_secret(apps: &Store<Guarded<SpinApp>>, secret: &PartialObjectMeta<Secret>) -> Vec<AppRef> {
    let name = secret.name_any();
    let owners: Vec<_> = secret.owner_references().iter().map(|owner| owner.uid.as_str()).collect();
    select(apps, |app| {
        app.namespace() == secret.namespace()
            && (app.metadata.uid.as_deref().is_some_and(|uid| owners.contains(&uid))
                || runtime_config(app).is_some_and(|config| References::secret_names(config).contains(name.as_str())))
    })
}

/// Apps whose runtime config takes values from the `ConfigMap`.
pub(super) fn apps_of_config_map(apps: &Store<Guarded<SpinApp>>, map: &PartialObjectMeta<ConfigMap>) -> Vec<AppRef> {
    let name = map.name_any();
    select(apps, |app| {
        app.namespace() == map.namespace()
            && runtime_config(app).is_some_and(|config| References::config_map_names(config).contains(name.as_str()))
    })
}

fn runtime_config(app: &SpinApp) -> Option<&RuntimeConfig> {
    app.spec.runtime_config.as_ref()
}

fn select<K>(store: &Store<Guarded<K>>, wanted: impl Fn(&K) -> bool) -> Vec<ObjectRef<Guarded<K>>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let concerned = |object: &Arc<Guarded<K>>| object.0.as_ref().is_ok_and(&wanted);
    store.state().iter().filter(|object| concerned(object)).map(|object| ObjectRef::from_obj(object.as_ref())).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::desired::fixtures::app;
    use kube::runtime::reflector;
    use kube::runtime::watcher::Event;
    use serde_json::{Value, json};

    fn store(apps: Vec<SpinApp>) -> Store<Guarded<SpinApp>> {
        let (store, mut writer) = reflector::store();
        for app in apps {
            writer.apply_watcher_event(&Event::Apply(DeserializeGuard(Ok(app))));
        }
        store
    }

    fn named(name: &str, spec: &Value) -> SpinApp {
        let mut app = app(spec);
        app.metadata.name = Some(name.to_owned());
        app.metadata.uid = Some(format!("{name}-uid"));
        app
    }

    fn names(refs: Vec<AppRef>) -> Vec<String> {
        let mut names: Vec<_> = refs.into_iter().map(|object| object.name).collect();
        names.sort();
        names
    }

    fn reference(source: &str, name: &str) -> Value {
        let mut from = json!({});
        from[source] = json!({"name": name, "key": "k"});
        let option = json!({"name": "url", "valueFrom": from});
        json!({"runtimeConfig": {"keyValueStores": [{"name": "default", "type": "redis", "options": [option]}]}})
    }

    #[test]
    fn a_secret_concerns_who_refers_to_it_and_who_owns_it() {
        let apps = store(vec![
            named("refers", &reference("secretKeyRef", "s")),
            named("config-map", &reference("configMapKeyRef", "s")),
            named("owner", &json!({})),
            named("stranger", &json!({})),
        ]);
        let secret: PartialObjectMeta<Secret> = serde_json::from_value(json!({"metadata": {
            "name": "s", "namespace": "default",
            "ownerReferences": [{"apiVersion": "v1", "kind": "SpinApp", "name": "owner", "uid": "owner-uid"}],
        }}))
        .unwrap();
        assert_eq!(names(apps_of_secret(&apps, &secret)), ["owner", "refers"]);
        let elsewhere: PartialObjectMeta<Secret> =
            serde_json::from_value(json!({"metadata": {"name": "s", "namespace": "other"}})).unwrap();
        assert_eq!(names(apps_of_secret(&apps, &elsewhere)), [] as [&str; 0]);
        let map: PartialObjectMeta<ConfigMap> =
            serde_json::from_value(json!({"metadata": {"name": "s", "namespace": "default"}})).unwrap();
        assert_eq!(names(apps_of_config_map(&apps, &map)), ["config-map"]);
    }
}
