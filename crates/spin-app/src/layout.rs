//! OCI image layouts: artifacts without a registry.
//!
//! [`write_tar`] makes an archive that `ctr images import` and `docker load` take; [`Layout`] is a folder of blobs on
//! disk, from which an app can be run.

mod local;
mod tar;

pub use local::{Layout, OpenError};
pub use tar::write_tar;

#[cfg(test)]
mod tests;
