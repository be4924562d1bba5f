//! What starts components: one module for each trigger type.

pub(crate) mod http;
