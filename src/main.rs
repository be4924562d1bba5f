//! Spin apps on a local Kubernetes, with an inner loop that feels local.

fn main() {}
