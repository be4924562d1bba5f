//! Facts of upstream's CRDs, one a line.

#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

fn crd(plural: &str) -> Value {
    let crds = super::crds();
    serde_json::to_value(crds.iter().find(|crd| crd.spec.names.plural == plural).unwrap()).unwrap()
}

/// The schema at a path of property names; `[]` steps into a list, `{}` into a map.
fn at<'a>(crd: &'a Value, path: &str) -> &'a Value {
    let mut schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    for step in path.split('.').filter(|step| !step.is_empty()) {
        schema = match step {
            "[]" => &schema["items"],
            "{}" => &schema["additionalProperties"],
            name => &schema["properties"][name],
        };
        assert!(!schema.is_null(), "{path} has no {step}");
    }
    schema
}

#[test]
fn names_scope_and_subresources() {
    for (plural, singular, kind, list) in [
        ("spinapps", "spinapp", "SpinApp", "SpinAppList"),
        ("spinappexecutors", "spinappexecutor", "SpinAppExecutor", "SpinAppExecutorList"),
    ] {
        let crd = crd(plural);
        assert_eq!(crd["metadata"]["name"], format!("{plural}.core.spinkube.dev"));
        assert_eq!(crd["spec"]["group"], "core.spinkube.dev");
        assert_eq!(crd["spec"]["scope"], "Namespaced");
        assert_eq!(
            crd["spec"]["names"],
            json!({"plural": plural, "singular": singular, "kind": kind, "listKind": list})
        );
        let versions = crd["spec"]["versions"].as_array().unwrap();
        assert_eq!(versions.len(), 1);
        assert_eq!(
            (&versions[0]["name"], &versions[0]["served"], &versions[0]["storage"]),
            (&json!("v1alpha1"), &json!(true), &json!(true))
        );
        assert_eq!(versions[0]["subresources"]["status"], json!({}));
        assert_eq!(at(&crd, "")["required"], Value::Null);
    }
    assert_eq!(
        crd("spinapps")["spec"]["versions"][0]["subresources"]["scale"],
        json!({
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        })
    );
}

#[test]
fn printer_columns() {
    assert_eq!(
        crd("spinapps")["spec"]["versions"][0]["additionalPrinterColumns"],
        json!([
            {"name": "Ready", "type": "integer", "jsonPath": ".status.readyReplicas"},
            {"name": "Desired", "type": "integer", "jsonPath": ".spec.replicas"},
            {"name": "Executor", "type": "string", "jsonPath": ".spec.executor"},
            {"name": "Deployment", "type": "string", "jsonPath": ".status.deploymentName", "priority": 1},
            {"name": "Service", "type": "string", "jsonPath": ".status.serviceName", "priority": 1},
        ])
    );
    assert_eq!(crd("spinappexecutors")["spec"]["versions"][0].get("additionalPrinterColumns"), None);
}

#[test]
fn fields_of_an_app() {
    let crd = crd("spinapps");
    let mut fields: Vec<_> = at(&crd, "spec")["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "checks",
            "components",
            "deploymentAnnotations",
            "enableAutoscaling",
            "executor",
            "image",
            "imagePullSecrets",
            "invocationLimits",
            "podAnnotations",
            "podLabels",
            "replicas",
            "resources",
            "runtimeConfig",
            "serviceAccountName",
            "serviceAnnotations",
            "variables",
            "volumeMounts",
            "volumes",
        ]
    );
    let option = "spec.runtimeConfig.keyValueStores.[].options.[]";
    for (path, keyword, value) in [
        ("spec", "required", json!(["executor", "image"])),
        ("spec.executor", "type", json!("string")),
        ("spec.replicas", "format", json!("int32")),
        ("spec.replicas", "default", Value::Null),
        ("spec.replicas", "minimum", Value::Null),
        ("spec.enableAutoscaling", "default", json!(false)),
        ("spec.components", "minItems", json!(1)),
        ("spec.imagePullSecrets.[]", "x-kubernetes-map-type", json!("atomic")),
        ("spec.imagePullSecrets.[].name", "default", json!("")),
        ("spec.checks.readiness.initialDelaySeconds", "default", json!(10)),
        ("spec.checks.readiness.timeoutSeconds", "default", json!(1)),
        ("spec.checks.readiness.periodSeconds", "default", json!(10)),
        ("spec.checks.liveness.successThreshold", "default", json!(1)),
        ("spec.checks.liveness.failureThreshold", "default", json!(3)),
        ("spec.checks.liveness.httpGet", "required", json!(["path"])),
        ("spec.checks.liveness.httpGet.httpHeaders.[]", "required", json!(["name", "value"])),
        ("spec.runtimeConfig.sqliteDatabases.[]", "required", json!(["name", "type"])),
        ("spec.runtimeConfig.keyValueStores.[]", "required", json!(["name", "type"])),
        ("spec.runtimeConfig.llmCompute", "required", json!(["type"])),
        ("spec.runtimeConfig.loadFromSecret", "type", json!("string")),
        (option, "required", json!(["name"])),
        (&format!("{option}.valueFrom.secretKeyRef"), "required", json!(["key"])),
        (&format!("{option}.valueFrom.configMapKeyRef"), "required", json!(["key"])),
        (&format!("{option}.valueFrom.configMapKeyRef.name"), "default", json!("")),
        ("spec.variables.[]", "required", json!(["name"])),
        ("spec.variables.[].valueFrom.fileKeyRef", "required", json!(["key", "path", "volumeName"])),
        ("spec.variables.[].valueFrom.fieldRef", "x-kubernetes-map-type", json!("atomic")),
        ("spec.volumes.[]", "required", json!(["name"])),
        ("spec.volumes.[].rbd.pool", "default", json!("rbd")),
        ("spec.volumes.[].configMap.items", "x-kubernetes-list-type", json!("atomic")),
        ("spec.volumeMounts.[]", "required", json!(["mountPath", "name"])),
        ("spec.resources.limits.{}", "x-kubernetes-int-or-string", json!(true)),
        ("spec.resources.limits.{}", "anyOf", json!([{"type": "integer"}, {"type": "string"}])),
        ("spec.podLabels.{}", "type", json!("string")),
        ("status", "required", json!(["readyReplicas"])),
        ("status.readyReplicas", "format", json!("int32")),
        ("status.activeScheduler", "type", json!("string")),
        ("status.deploymentName", "type", json!("string")),
        ("status.serviceName", "type", json!("string")),
        ("status.conditions.[].status", "enum", json!(["True", "False", "Unknown"])),
        ("status.conditions.[].reason", "minLength", json!(1)),
    ] {
        assert_eq!(at(&crd, path).get(keyword).unwrap_or(&Value::Null), &value, "{path} {keyword}");
    }
    let text = crd.to_string();
    for absent in ["x-kubernetes-validations", "nullable", "\"$ref\""] {
        assert!(!text.contains(absent), "{absent}");
    }
}

#[test]
fn fields_of_an_executor() {
    let crd = crd("spinappexecutors");
    for (path, keyword, value) in [
        ("spec", "required", json!(["createDeployment"])),
        ("spec.createDeployment", "type", json!("boolean")),
        ("spec.deploymentConfig", "required", Value::Null),
        ("spec.deploymentConfig.runtimeClassName", "type", json!("string")),
        ("spec.deploymentConfig.spinImage", "type", json!("string")),
        ("spec.deploymentConfig.caCertSecret", "type", json!("string")),
        ("spec.deploymentConfig.installDefaultCACerts", "default", Value::Null),
        ("spec.deploymentConfig.minimalPods", "default", json!(false)),
        ("spec.deploymentConfig.otel.exporter_otlp_endpoint", "type", json!("string")),
        ("spec.deploymentConfig.otel.exporter_otlp_traces_endpoint", "type", json!("string")),
        ("spec.deploymentConfig.otel.exporter_otlp_metrics_endpoint", "type", json!("string")),
        ("spec.deploymentConfig.otel.exporter_otlp_logs_endpoint", "type", json!("string")),
        ("status", "type", json!("object")),
    ] {
        assert_eq!(at(&crd, path).get(keyword).unwrap_or(&Value::Null), &value, "{path} {keyword}");
    }
}
