//! Errors about a field, in the words of Kubernetes' own validation.

use serde_json::Value;

/// A field with a value that is not allowed.
#[derive(Debug, PartialEq)]
pub(super) struct FieldError {
    /// Path of the field, such as `spec.replicas`.
    pub(super) field: String,
    value: Value,
    detail: String,
}

impl FieldError {
    pub(super) fn invalid(field: &str, value: impl Into<Value>, detail: impl Into<String>) -> Self {
        Self { field: field.to_owned(), value: value.into(), detail: detail.into() }
    }

    /// The error without the field, as a cause in a status has it.
    pub(super) fn body(&self) -> String {
        format!("Invalid value: {}: {}", self.value, self.detail)
    }
}

/// The sentence for all errors of an object of this kind and name.
pub(super) fn sentence(kind: &str, name: &str, errors: &[FieldError]) -> String {
    let texts: Vec<_> = errors.iter().map(|error| format!("{}: {}", error.field, error.body())).collect();
    let text = match texts.as_slice() {
        [one] => one.clone(),
        many => format!("[{}]", many.join(", ")),
    };
    format!("{kind}.{} \"{name}\" is invalid: {text}", spinkube_api::contract::GROUP)
}
