//! End-to-end tests: the one file that a user downloads, against a real cluster. `tests/run` runs them.
//!
//! They run one after another. Those that can share the cluster `e2e` do: each calls [`support::up`] first, which is
//! quick where the cluster is whole. Clusters that are broken on purpose are called `e2e-...`.
//!
//! - [`apps`]: deploy, list, logs, delete, upstream's samples. [`failures`]: what goes wrong, with text and exit code.
//! - [`bare`]: a machine with Docker and nothing else.
//! - [`interrupted`]: kill -9, Ctrl-C, nodes stopped and removed. [`registry`]: the registry and taken ports.
//! - [`rollout`]: requests while apps and shim are replaced. [`safety`]: what is not ours. [`shim`]: what it promises of pods.
//! - [`up`]: from nothing, again, stopped and started, down. [`workers`]: several nodes.

#![allow(clippy::unwrap_used, clippy::panic)]

mod apps;
mod bare;
mod failures;
mod interrupted;
mod registry;
mod rollout;
mod safety;
mod shim;
mod support;
mod up;
mod workers;
