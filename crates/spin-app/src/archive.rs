//! Archives of files (`tar+gzip` layers): written reproducibly, read with suspicion.

mod pack;
mod unpack;

pub(crate) use pack::pack;
pub use unpack::{Limits, UnpackError, Unpacked, unpack};

#[cfg(test)]
mod tests;
