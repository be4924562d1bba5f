//! A container image `FROM scratch` with a spin.toml and the wasm it names.
//!
//! The image is hostile: its spin.toml is read by a child that has chrooted into it, and whatever files
//! that names are opened with every link resolved inside the root filesystem.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use rustix::fs::{CWD, MemfdFlags, Mode, OFlags, ResolveFlags, memfd_create, openat2};
use sha2::{Digest as _, Sha256};
use spin_app::locked::LockedApp;
use spin_app::manifest::Manifest as SpinToml;

use crate::bundle::Config;
use crate::helper;
use crate::reaper::Children;

use super::{Anchor, Code, Error, Files, Found, Manifest};

/// The face of the binary that reads a spin.toml.
pub(crate) const LOCK: &str = "lock-image";

/// `None`: the image has no spin.toml, or a program that the container runs.
pub(super) async fn load(
    children: &Children,
    config: &Config,
    rootfs: &Path,
    manifest: &Manifest,
) -> Result<Option<Found>, Error> {
    if !is_spin(config, rootfs) {
        return Ok(None);
    }
    let app = lock(children, rootfs).await?;
    let mut code = Vec::new();
    for component in &app.components {
        let path = component.source.content.file_path().unwrap_or_default();
        let (component, rootfs) = (component.id.clone(), rootfs.to_owned());
        let read = tokio::task::spawn_blocking(move || hash(&rootfs, &path));
        let (digest, file) = read.await.map_err(|e| Error::Manifest(e.to_string()))??;
        code.push(Code { component, digest, file: Some(file) });
    }
    Ok(Some(Found { app, code, files: Files::Rootfs, anchor: Anchor::Config(manifest.config.clone()) }))
}

/// A file of the image; links lead nowhere but into the image.
pub(crate) fn open_in(rootfs: &Path, path: &Path) -> std::io::Result<File> {
    let root = rustix::fs::openat(CWD, rootfs, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = File::from(openat2(root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT)?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(std::io::Error::other("it is no regular file")) }
}

/// A spin.toml, and nothing else to run: by convention the command of such an image is `/`.
fn is_spin(config: &Config, rootfs: &Path) -> bool {
    open_in(rootfs, Path::new("/spin.toml")).is_ok() && !runs_a_program(config, rootfs)
}

fn runs_a_program(config: &Config, rootfs: &Path) -> bool {
    let Some(program) = config.args().next() else { return false };
    let candidates: Vec<PathBuf> = if program.contains('/') {
        vec![PathBuf::from(program)]
    } else {
        config.search_path().map(|directory| Path::new(directory).join(program)).collect()
    };
    let executable = |file: File| file.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0);
    candidates.iter().any(|path| open_in(rootfs, path).is_ok_and(executable))
}

async fn lock(children: &Children, rootfs: &Path) -> Result<LockedApp, Error> {
    let failed = |e: std::io::Error| Error::Manifest(e.to_string());
    let mut output = File::from(memfd_create("locked", MemfdFlags::CLOEXEC).map_err(|e| failed(e.into()))?);
    let sink = output.try_clone().map_err(failed)?;
    let child = helper::run(children, LOCK, Some(OsStr::new(rootfs)), Stdio::null(), sink.into());
    child.await.map_err(|e| Error::Manifest(e.to_string()))?;
    let mut text = Vec::new();
    output.rewind().and_then(|()| output.read_to_end(&mut text)).map_err(failed)?;
    Ok(LockedApp::from_json(&text)?)
}

/// The child: chroots, so that whatever the image's links say, only the image is read.
pub(crate) fn lock_main(rootfs: &OsStr) -> ExitCode {
    helper::child_main(|| {
        nix::unistd::chroot(rootfs)
            .and_then(|()| nix::unistd::chdir("/"))
            .map_err(|e| format!("cannot enter it: {e}"))?;
        let manifest = SpinToml::load(Path::new("/spin.toml")).map_err(|e| e.to_string())?;
        let app = spin_app::lock(&manifest, Path::new("/.downloads")).map_err(|e| e.to_string())?;
        Ok(app.to_json())
    })
}

fn hash(rootfs: &Path, path: &Path) -> Result<(String, File), Error> {
    let unreadable = |source| Error::File { path: path.display().to_string(), source };
    let mut file = open_in(rootfs, path).map_err(unreadable)?;
    let mut hasher = Sha256::new();
    std::io::copy(&mut file, &mut hasher).and_then(|_| file.rewind()).map_err(unreadable)?;
    Ok((format!("sha256:{}", hex::encode(hasher.finalize())), file))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn config(args: &[&str]) -> Config {
        Config(json!({"process": {"args": args, "env": ["PATH=/bin"]}}))
    }

    #[test]
    fn links_stay_in_the_image() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("spin.toml"), "x").unwrap();
        std::os::unix::fs::symlink("/spin.toml", root.path().join("inside")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", root.path().join("outside")).unwrap();
        std::os::unix::fs::symlink("../../../../../../etc/passwd", root.path().join("up")).unwrap();
        assert!(open_in(root.path(), Path::new("/inside")).is_ok());
        for path in ["/outside", "/up", "/../../../../etc/passwd", "/"] {
            assert!(open_in(root.path(), Path::new(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn an_image_with_a_program_is_an_ordinary_container() {
        let root = tempfile::tempdir().unwrap();
        assert!(!is_spin(&config(&["/"]), root.path()), "no spin.toml");
        std::fs::write(root.path().join("spin.toml"), "x").unwrap();
        assert!(is_spin(&config(&["/"]), root.path()));
        assert!(is_spin(&config(&["/spin.toml"]), root.path()), "not executable");
        assert!(is_spin(&config(&[]), root.path()));
        std::fs::create_dir(root.path().join("bin")).unwrap();
        let program = root.path().join("bin/server");
        std::fs::write(&program, "x").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(!is_spin(&config(&["/bin/server"]), root.path()));
        assert!(!is_spin(&config(&["server"]), root.path()));
        assert!(is_spin(&config(&["other"]), root.path()));
    }
}
