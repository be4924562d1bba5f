//! CRDs.
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

/// Both CRDs.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![crate::SpinApp::crd(), crate::SpinAppExecutor::crd()]
}

#[cfg(test)]
mod tests {
    #[test]
    fn dump() {
        for crd in super::crds() {
            let n = crd.spec.names.plural.clone();
            std::fs::write(format!("/tmp/op/{n}.json"), serde_json::to_string(&crd).unwrap()).unwrap();
        }
    }
}
