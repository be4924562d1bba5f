//! Spin apps on a local Kubernetes, with an inner loop that feels local.
//!
//! Three layers, and arrows that point one way:
//!
//! - [`cli`]: one file a subcommand: its arguments, the engine call it makes, the reporter it uses.
//! - [`report`]: reduces the engine's events to progress lines, bars or JSON lines.
//! - [`engine`]: everything the program does. It never prints: it speaks in [`engine::event::Event`]s.

pub mod cli;
pub mod engine;
pub mod report;
