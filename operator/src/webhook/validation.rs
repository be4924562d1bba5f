//! Refuses apps and executors that can't work, in upstream's words.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use serde_json::Value;
use spinkube_api::quantity::Quantity;
use spinkube_api::{SpinAppExecutor, SpinAppExecutorSpec, SpinAppSpec};

use super::field_error::FieldError;

/// What is wrong with an app. `executor` is the one that its name leads to; `old` is what an update replaces.
pub(super) fn app(
    spec: &SpinAppSpec,
    executor: Option<&SpinAppExecutor>,
    old: Option<&SpinAppSpec>,
) -> Vec<FieldError> {
    let missing = executor.is_none().then(|| missing_executor(&spec.executor));
    [
        missing,
        replicas(spec, old),
        executor.and_then(|executor| annotations(spec, &executor.spec)),
        invocation_limits(spec),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn missing_executor(name: &str) -> FieldError {
    let detail = match name {
        "" => "executor must be set, likely no default executor was set because you have no executors installed",
        _ => "executor does not exist in namespace",
    };
    FieldError::invalid("spec.executor", name, detail)
}

fn replicas(spec: &SpinAppSpec, old: Option<&SpinAppSpec>) -> Option<FieldError> {
    let replicas = spec.replicas.unwrap_or_default();
    let detail = match (spec.enable_autoscaling, replicas) {
        (true, 0) | (false, 1..) => return None,
        // An autoscaler may have scaled to zero through the scale subresource, which no webhook sees. Such an app must
        // stay editable.
        (false, 0) if old.is_some_and(|old| old.replicas == Some(0) && spec.replicas == Some(0)) => return None,
        (true, _) => "replicas cannot be set when autoscaling is enabled",
        (false, _) => "replicas must be > 0",
    };
    Some(FieldError::invalid("spec.replicas", replicas, detail))
}

fn annotations(spec: &SpinAppSpec, executor: &SpinAppExecutorSpec) -> Option<FieldError> {
    if executor.create_deployment {
        return None;
    }
    [("deploymentAnnotations", &spec.deployment_annotations), ("podAnnotations", &spec.pod_annotations)]
        .into_iter()
        .find(|(_, annotations)| !annotations.is_empty())
        .map(|(name, annotations)| {
            let value: Value =
                annotations.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
            let detail = format!("{name} can't be set when the executor does not use operator deployments");
            FieldError::invalid(&format!("spec.{name}"), value, detail)
        })
}

fn invocation_limits(spec: &SpinAppSpec) -> Option<FieldError> {
    let field = "spec.invocationLimits[memory]";
    let text = spec.invocation_limits.get("memory")?;
    let Ok(limit) = text.parse::<Quantity>() else {
        let detail = "memory limit must be a valid memory quantity (e.g. 128Mi, 1Gi)";
        return Some(FieldError::invalid(field, text.as_str(), detail));
    };
    let resources = spec.resources.clone().unwrap_or_default();
    let memory = |of: &BTreeMap<String, ApiQuantity>| of.get("memory").and_then(|bytes| bytes.0.parse().ok());
    let limits = memory(&resources.limits).map(|bytes: Quantity| ("limit", bytes));
    let (what, bound) = limits.or_else(|| memory(&resources.requests).map(|bytes| ("request", bytes)))?;
    (limit > bound).then(|| {
        let detail = format!("invocation limit quantity cannot be greater than the memory {what} ({bound})");
        FieldError::invalid(field, limit.to_string(), detail)
    })
}

/// What is wrong with an executor.
pub(super) fn executor(spec: &SpinAppExecutorSpec) -> Vec<FieldError> {
    let Some(config) = &spec.deployment_config else {
        let detail = "deploymentConfig must be set when createDeployment is true";
        let missing = spec.create_deployment.then(|| FieldError::invalid("spec.deploymentConfig", Value::Null, detail));
        return missing.into_iter().collect();
    };
    let detail = match (&config.runtime_class_name, &config.spin_image) {
        (Some(_), Some(_)) => "runtimeClassName and spinImage are mutually exclusive",
        (None, None) => "either runtimeClassName or spinImage must be set",
        _ => return Vec::new(),
    };
    let value = config.runtime_class_name.clone();
    vec![FieldError::invalid("spec.deploymentConfig.runtimeClassName", value, detail)]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::field_error::sentence;
    use super::*;
    use crate::desired::fixtures;
    use serde_json::json;

    const OK: &str = "";

    fn shim() -> SpinAppExecutor {
        let deployment_config = Some(fixtures::shim_config());
        SpinAppExecutor::new("e", SpinAppExecutorSpec { create_deployment: true, deployment_config })
    }

    fn said(kind: &str, errors: &[FieldError]) -> String {
        if errors.is_empty() { String::new() } else { sentence(kind, "a", errors) }
    }

    fn app_says(spec: &Value, executor: Option<&SpinAppExecutor>) -> String {
        said("SpinApp", &app(&fixtures::app(spec).spec, executor, None))
    }

    #[test]
    fn rules_of_an_app() {
        for (spec, expected) in [
            (json!({}), OK),
            (json!({"replicas": null, "enableAutoscaling": true}), OK),
            (
                json!({"replicas": 2, "enableAutoscaling": true}),
                "spec.replicas: Invalid value: 2: replicas cannot be set when autoscaling is enabled",
            ),
            (json!({"replicas": null}), "spec.replicas: Invalid value: 0: replicas must be > 0"),
            (json!({"replicas": -1}), "spec.replicas: Invalid value: -1: replicas must be > 0"),
            (json!({"podAnnotations": {"a": "b"}, "deploymentAnnotations": {"a": "b"}}), OK),
            (json!({"invocationLimits": {"memory": "128Mi"}}), OK),
            (json!({"invocationLimits": {"other": "?"}}), OK),
            (
                json!({"invocationLimits": {"memory": "lots"}}),
                "spec.invocationLimits[memory]: Invalid value: \"lots\": \
                 memory limit must be a valid memory quantity (e.g. 128Mi, 1Gi)",
            ),
            (
                json!({"invocationLimits": {"memory": "50Mi"}, "resources": {"limits": {"memory": "40Mi"}}}),
                "spec.invocationLimits[memory]: Invalid value: \"50Mi\": \
                 invocation limit quantity cannot be greater than the memory limit (40Mi)",
            ),
            (
                json!({"invocationLimits": {"memory": "50Mi"}, "resources": {"requests": {"memory": "40Mi"}}}),
                "spec.invocationLimits[memory]: Invalid value: \"50Mi\": \
                 invocation limit quantity cannot be greater than the memory request (40Mi)",
            ),
            (
                json!({
                    "invocationLimits": {"memory": "50Mi"},
                    "resources": {"limits": {"memory": "60Mi"}, "requests": {"memory": "40Mi"}},
                }),
                OK,
            ),
        ] {
            let expected = match expected {
                OK => String::new(),
                text => format!("SpinApp.core.spinkube.dev \"a\" is invalid: {text}"),
            };
            assert_eq!(app_says(&spec, Some(&shim())), expected, "{spec}");
        }
    }

    #[test]
    fn rules_about_the_executor_of_an_app() {
        let elsewhere = SpinAppExecutor::new("e", SpinAppExecutorSpec::default());
        for (spec, executor, expected) in [
            (
                json!({"executor": ""}),
                None,
                "spec.executor: Invalid value: \"\": executor must be set, likely no default executor was set because \
                 you have no executors installed",
            ),
            (
                json!({"executor": "x"}),
                None,
                "spec.executor: Invalid value: \"x\": executor does not exist in namespace",
            ),
            (
                json!({"deploymentAnnotations": {"a": "b"}, "podAnnotations": {"c": "d"}}),
                Some(&elsewhere),
                "spec.deploymentAnnotations: Invalid value: {\"a\":\"b\"}: deploymentAnnotations can't be set when the \
                 executor does not use operator deployments",
            ),
            (
                json!({"podAnnotations": {"c": "d"}}),
                Some(&elsewhere),
                "spec.podAnnotations: Invalid value: {\"c\":\"d\"}: podAnnotations can't be set when the executor does \
                 not use operator deployments",
            ),
            (
                json!({"executor": "x", "replicas": 0}),
                None,
                "[spec.executor: Invalid value: \"x\": executor does not exist in namespace, \
                 spec.replicas: Invalid value: 0: replicas must be > 0]",
            ),
        ] {
            let expected = format!("SpinApp.core.spinkube.dev \"a\" is invalid: {expected}");
            assert_eq!(app_says(&spec, executor), expected, "{spec}");
        }
    }

    #[test]
    fn an_app_scaled_to_zero_stays_editable() {
        let zero = fixtures::app(&json!({"replicas": 0})).spec;
        let one = fixtures::app(&json!({"replicas": 1})).spec;
        assert_eq!(app(&zero, Some(&shim()), Some(&zero)), []);
        assert_ne!(app(&zero, Some(&shim()), Some(&one)), []);
    }

    #[test]
    fn rules_of_an_executor() {
        let class = "spec.deploymentConfig.runtimeClassName: Invalid value:";
        for (spec, expected) in [
            (json!({"createDeployment": false}), String::new()),
            (json!({"createDeployment": true, "deploymentConfig": {"runtimeClassName": "r"}}), String::new()),
            (json!({"createDeployment": true, "deploymentConfig": {"spinImage": "i"}}), String::new()),
            (
                json!({"createDeployment": true, "deploymentConfig": {"runtimeClassName": "r", "spinImage": "i"}}),
                format!("{class} \"r\": runtimeClassName and spinImage are mutually exclusive"),
            ),
            (
                json!({"createDeployment": true, "deploymentConfig": {}}),
                format!("{class} null: either runtimeClassName or spinImage must be set"),
            ),
            (
                json!({"createDeployment": true}),
                "spec.deploymentConfig: Invalid value: null: deploymentConfig must be set when createDeployment is true"
                    .to_owned(),
            ),
        ] {
            let errors = executor(&serde_json::from_value(spec.clone()).unwrap());
            let expected = match expected.as_str() {
                OK => String::new(),
                text => format!("SpinAppExecutor.core.spinkube.dev \"a\" is invalid: {text}"),
            };
            assert_eq!(said("SpinAppExecutor", &errors), expected, "{spec}");
        }
    }
}
