//! Pushes a built app, or writes its artifact as a tar: `push DIR REFERENCE [FILE.tar]`. With a file nothing is pushed.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{error::Error, fs::File, io::BufWriter, path::Path, time::Instant};

use spin_app::{
    artifact::{Artifact, ArtifactOptions},
    layout::write_tar,
    manifest::Manifest,
    registry::{Credentials, Registry},
};

#[tokio::main]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, reference, file @ ..] = &arguments[..] else { return Err("usage: push DIR REFERENCE [FILE.tar]".into()) };
    let manifest = Manifest::load(Path::new(dir))?;
    let downloads = std::env::temp_dir().join("spin-app-downloads");
    spin_app::download(&manifest, &downloads).await?;
    let app = spin_app::lock(&manifest, &downloads)?;
    let started = Instant::now();
    let artifact = tokio::task::spawn_blocking(move || Artifact::build(&app, &ArtifactOptions::default())).await??;
    println!("{} made in {:?}", artifact.digest, started.elapsed());
    if let [file, ..] = file {
        write_tar(&artifact, reference, BufWriter::new(File::create(file)?))?;
        return Ok(());
    }
    let started = Instant::now();
    let registry = Registry::new(reference, Credentials::default(), false)?;
    let pushed = registry.push(&artifact, &|event| println!("{event:?}")).await?;
    println!("{} sent {} skipped {} in {:?}", pushed.pinned, pushed.uploaded, pushed.skipped, started.elapsed());
    let remote = registry.inspect().await?;
    assert_eq!((remote.digest, remote.app), (artifact.digest, Some(artifact.app)));
    Ok(())
}
