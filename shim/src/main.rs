//! `containerd-shim-spin-v2`: containerd's side of the Spin host.
//!
//! containerd runs one shim process a pod. It implements the Task service (`service`) and makes every
//! container with runc (`runc`): the pause container and native sidecars unchanged, a Spin app by
//! rewriting its bundle (`bundle`) so that this same binary runs in it as `serve` (`app`). What is a
//! Spin app is decided from the image (`image`, `containerd`); its native code is compiled in a
//! short-lived child (`compile`) and kept in containerd's content store (`native_cache`), its files are
//! laid out next to that store (`assets`). The wasm engine never runs in the long-lived process.
//!
//! | module | what it knows |
//! |---|---|
//! | `cli` | which of the program's faces an argument list asks for |
//! | `shim`, `info` | the shim v2 protocol: `start`, `delete`, serving the socket; `-info` |
//! | `service` | the Task service, one file a call |
//! | `container`, `process`, `stdio` | what a pod's containers and their processes are and how they end |
//! | `runc`, `bundle`, `options`, `paths` | runc's command line, config.json, handler options, directories |
//! | `cgroup`, `metrics`, `oom`, `events` | control groups, their figures, out-of-memory kills, containerd's event stream |
//! | `image`, `containerd` | what an image is; containerd's API |
//! | `native_cache`, `compile`, `assets` | native code and files of an app |
//! | `helper`, `reaper` | short-lived children of this binary; children nobody waits for |
//! | `app` | the process in the container: spec, control channel, serving, signals |
//! | `descriptors` | inherited and watched descriptors; the only `unsafe` code |

mod app;
mod assets;
mod bundle;
mod cgroup;
mod cli;
mod compile;
mod container;
mod containerd;
mod descriptors;
mod error;
mod events;
mod helper;
mod image;
mod info;
mod metrics;
mod native_cache;
mod oom;
mod options;
mod paths;
mod process;
mod reaper;
mod runc;
mod service;
mod shim;
mod stdio;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::Face::from_args() {
        cli::Face::Containerd => shim::main(),
        cli::Face::Version => cli::print_version(),
        cli::Face::Serve => app::main(),
        cli::Face::Compile => compile::compile_main(),
        cli::Face::EngineKey => compile::engine_key_main(),
        cli::Face::Run(words) => app::run_main(words.into_iter()),
        cli::Face::LockImage(rootfs) => image::lock_main(&rootfs),
    }
}
