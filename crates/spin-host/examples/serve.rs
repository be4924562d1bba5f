//! Serves one wasm file on every path, without containers: `serve <file.wasm> [address]`.
//!
//! Settings come from the environment (`SPIN_VARIABLE_*`, `SPIN_MAX_INSTANCE_COUNT`, ...).
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;

use serde_json::json;
use spin_app::locked::LockedApp;
use spin_host::{ComponentCode, Host, Phase, Settings};
use tokio::sync::watch;

#[tokio::main]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let wasm = std::fs::read(arguments.next().ok_or("usage: serve <file.wasm> [address]")?)?;
    let app = json!({
        "spin_lock_version": 0,
        "metadata": {"name": "example"},
        "triggers": [{"id": "all", "trigger_type": "http", "trigger_config": {"component": "guest", "route": "/..."}}],
        "components": [{
            "id": "guest",
            "source": {"content_type": "application/wasm"},
            "metadata": {"allowed_outbound_hosts": ["*://*:*"], "key_value_stores": ["default"]},
        }],
    });
    let app = LockedApp::from_json(app.to_string().as_bytes())?;
    let settings = Settings {
        listen: arguments.next().unwrap_or_else(|| "127.0.0.1:3000".to_owned()),
        environment: std::env::vars().collect(),
        ..Settings::default()
    };
    let started = std::time::Instant::now();
    let host = Host::load(app, [("guest".to_owned(), ComponentCode::Wasm(wasm))], settings).await?;
    let bound = host.bind().await?;
    print!("{}", bound.banner());
    println!("ready in {:.1} ms", started.elapsed().as_secs_f64() * 1000.0);
    let (phase, phases) = watch::channel(Phase::Serving);
    tokio::spawn(async move {
        // Without a signal handler the first Ctrl-C ends the process, which is as well.
        let _ = tokio::signal::ctrl_c().await;
        let _ = phase.send(Phase::Draining);
        phase.closed().await;
    });
    bound.serve(phases).await;
    Ok(())
}
