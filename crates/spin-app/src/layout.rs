//! OCI image layouts: artifacts without a registry.
//!
//! [`write_tar`] makes an archive that `ctr images import` and `docker load` take; [`Layout`] is a folder of blobs on
//! disk, from which an app can be run.

mod export;
mod local;

pub use export::write_tar;
pub use local::{Layout, OpenError};

#[cfg(test)]
mod tests;
