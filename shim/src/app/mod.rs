//! The Spin app's own process, in its container: it is this binary again, as `serve`.
//!
//! It inherits three kinds of descriptors: a channel to the shim, a sealed description of the app, and
//! the native code of each component. It reads nothing of the image but what is mounted into it.

mod control;
mod local;
mod serve;
mod signals;
mod spec;

pub(crate) use control::{Message, Shim, monotonic_ns};
pub(crate) use local::{RUN, main as run_main};
pub(crate) use serve::main;
pub(crate) use spec::{SERVE, Spec};
