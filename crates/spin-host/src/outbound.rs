//! What leaves a guest for the network, and what keeps it in.

mod allowed_hosts;
mod http;
mod network;
mod sockets;

pub(crate) use allowed_hosts::{AllowedHostError, AllowedHosts};
pub(crate) use http::{HttpHooks, Internal, InternalSlot, Target};
pub(crate) use sockets::allow_sockets;
