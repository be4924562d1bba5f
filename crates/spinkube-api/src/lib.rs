//! `SpinKube`'s Kubernetes contract: the kinds `SpinApp` and `SpinAppExecutor`, the names and labels of what is made of
//! them, and the bytes of the runtime config. The operator and the tool share it; it does no I/O.
//!
//! - [`spin_app`], [`executor`]: the kinds; [`runtime_config`]: the part of an app that becomes a file
//! - [`contract`]: labels, environment, paths, names
//! - [`crd`]: the CRDs as upstream publishes them, plus our additions
//! - [`defaults`]: the `RuntimeClass` and the executor that an installation starts with
//! - [`quantity`]: Kubernetes quantities as numbers

pub mod contract;
pub mod crd;
pub mod defaults;
pub mod executor;
pub mod quantity;
pub mod runtime_config;
pub mod spin_app;

pub use contract::RUNTIME_CLASS;
pub use crd::crds;
pub use executor::{DeploymentConfig, OtelConfig, SpinAppExecutor, SpinAppExecutorSpec};
pub use spin_app::{
    HealthChecks, HealthProbe, HttpHealthProbe, HttpHealthProbeHeader, Resources, SpinApp, SpinAppSpec, SpinAppStatus,
    SpinVar,
};
