//! The objects that an installation starts with.

use k8s_openapi::api::node::v1::RuntimeClass;
use kube::api::ObjectMeta;

use crate::contract::{DEFAULT_EXECUTOR, OPERATOR_NAMESPACE, RUNTIME_CLASS, RUNTIME_HANDLER};
use crate::executor::{DeploymentConfig, SpinAppExecutor, SpinAppExecutorSpec};

/// The `RuntimeClass` that leads pods to the shim.
pub fn runtime_class() -> RuntimeClass {
    RuntimeClass {
        metadata: ObjectMeta { name: Some(RUNTIME_CLASS.to_owned()), ..ObjectMeta::default() },
        handler: RUNTIME_HANDLER.to_owned(),
        overhead: None,
        scheduling: None,
    }
}

/// The executor for the whole cluster: the shim, with pods that have only the volumes they need.
pub fn default_executor() -> SpinAppExecutor {
    let config = DeploymentConfig {
        runtime_class_name: Some(RUNTIME_CLASS.to_owned()),
        minimal_pods: true,
        ..DeploymentConfig::default()
    };
    let spec = SpinAppExecutorSpec { create_deployment: true, deployment_config: Some(config) };
    let mut executor = SpinAppExecutor::new(DEFAULT_EXECUTOR, spec);
    executor.metadata.namespace = Some(OPERATOR_NAMESPACE.to_owned());
    executor
}
