//! What Create and Start do more for a Spin app than for an ordinary container.

use std::collections::HashSet;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::try_join_all;
use spin_app::locked::ContentRef;

use crate::app::{Message, Shim, Spec};
use crate::assets::{self, Origin};
use crate::bundle::{self, Config, FILES};
use crate::container::{Points, SpinApp};
use crate::containerd::{Containerd, Root};
use crate::error::{Error, Result};
use crate::image::{self, Files, Found};
use crate::native_cache::{NativeCache, label_key};
use crate::process::Process;
use crate::stdio::Stdio;
use crate::{compile, paths};

use super::Service;

/// Lame-duck time unless the pod says otherwise: kube-proxy takes up to a second to stop sending
/// connections to a pod that terminates.
const LAME_DUCK: Duration = Duration::from_secs(2);
/// The pod annotation that says otherwise, in seconds; `0` for pods whose grace period is under 3 s.
/// (A runtime is never told the grace period.)
const LAME_DUCK_ANNOTATION: &str = "dev.spinkube/lame-duck-seconds";
/// How long an app that has failed may take to end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A Spin app's channel and the descriptors that its process inherits.
type Prepared = (Option<SpinApp>, Vec<OwnedFd>);

impl Service {
    /// Prepares the bundle of a Spin app; leaves that of any other container alone. What goes wrong is
    /// also written to the container's errors, where `kubectl logs` finds it.
    pub(super) async fn prepare_spin(
        &self,
        id: &str,
        bundle: &Path,
        config: &mut Config,
        stdio: &Stdio,
    ) -> Result<Prepared> {
        if config.is_sandbox() {
            return Ok((None, Vec::new()));
        }
        let outcome = self.prepare(id, bundle, config).await;
        if let Err(error) = &outcome {
            tell(stdio, error);
        }
        outcome
    }

    async fn prepare(&self, id: &str, bundle: &Path, config: &mut Config) -> Result<Prepared> {
        let mut points = Points::default();
        points.note("create");
        let containerd = Containerd::connect(&self.address, &self.namespace).await?;
        let root = containerd.content_root().await?;
        let rootfs = bundle::rootfs(bundle);
        let Some(found) = image::find(&containerd, root.as_ref(), &self.children, id, config, &rootfs).await? else {
            return Ok((None, Vec::new()));
        };
        points.note("image known");
        let run = paths::run_dir().map_err(Error::io("make the shim's directory in /run"))?;
        let key = label_key(&compile::engine_key(&self.children, &run).await?);
        let cache = NativeCache {
            containerd: &containerd,
            root: root.as_ref(),
            children: &self.children,
            directory: &run,
            key,
        };
        let natives = try_join_all(found.code.iter().map(|code| cache.get(code, &found.anchor)));
        let (natives, files) = tokio::join!(natives, lay_out(&containerd, root.as_ref(), &found, bundle, &rootfs));
        let (natives, files) = (natives?, files?);
        points.note("native code and files ready");

        let host = own_binary()?;
        config.become_spin_app(&host, files.as_ref().map(|(directory, _)| directory.as_path()))?;
        config.write(bundle)?;
        make_state_directory(&rootfs, config);
        let (control, theirs) = Shim::pair().map_err(Error::io("make the channel to the app"))?;
        let spec = Spec {
            app: serde_json::to_value(&found.app).map_err(|e| Error::Invalid(e.to_string()))?,
            code: found.code.into_iter().map(|code| code.component).collect(),
            files: files
                .map(|(_, ids)| ids)
                .into_iter()
                .flatten()
                .map(|id| (id.clone(), Path::new(FILES).join(id)))
                .collect(),
            memory_limit: config.memory_limit(),
            lame_duck_ms: u64::try_from(lame_duck(config)?.as_millis()).unwrap_or(u64::MAX),
        };
        let spec = spec.seal().map_err(Error::io("describe the app to its process"))?;
        let inherit = [theirs.into(), spec].into_iter().chain(natives.into_iter().map(OwnedFd::from)).collect();
        points.note("prepared");
        Ok((Some(SpinApp { control: control.into(), points }), inherit))
    }
}

/// Waits until the app listens.
///
/// # Errors
/// It said that it can't, ended, or took too long: then it is ended, so that a failed Start leaves
/// nothing running.
pub(super) async fn await_listening(app: &SpinApp, init: &Process, patience: Duration) -> Result<()> {
    let started_ns = crate::app::monotonic_ns();
    let mut control = app.control.lock().await;
    let text = match tokio::time::timeout(patience, control.next()).await {
        Ok(Some(Message::Listening { address, began_ns, listening_ns })) => {
            let points = &app.points.0;
            log::debug!(
                "listening on {address}; points {points:?}, started {started_ns}, began {began_ns}, listening {listening_ns}"
            );
            return Ok(());
        }
        Ok(Some(Message::Failed { text })) => text,
        Ok(None) => match tokio::time::timeout(LAST_WORDS, init.ended()).await {
            Ok(exit) => format!("its process ended with status {} before it listened; see its log", exit.status),
            Err(_) => "its process closed the channel to the shim before it listened".to_owned(),
        },
        Err(_) => format!("it did not listen within {} s", patience.as_secs()),
    };
    if tokio::time::timeout(LAST_WORDS, init.ended()).await.is_err() {
        init.signal(libc::SIGKILL.unsigned_abs())?;
        init.ended().await;
    }
    Err(Error::App(text))
}

/// Lays out the app's files beside the bundle, on containerd's own file system: `work` leads there, and
/// containerd removes it with the bundle. None where there are no files.
async fn lay_out(
    containerd: &Containerd,
    root: Option<&Root>,
    found: &Found,
    bundle: &Path,
    rootfs: &Path,
) -> Result<Option<(PathBuf, Vec<String>)>> {
    if found.app.components.iter().all(|component| component.files.is_empty()) {
        return Ok(None);
    }
    let work = bundle.join("work");
    let directory = work.canonicalize().unwrap_or_else(|_| bundle.to_owned()).join("spin-files");
    let (app, rootfs, root_of_blobs) = (found.app.clone(), rootfs.to_owned(), root.cloned());
    let (mut archives, mut blobs) = (Vec::new(), HashSet::new());
    if let Files::Layers(manifest) = &found.files {
        for digest in manifest.archives() {
            archives.push(containerd.open(root, digest).await?);
        }
        blobs.extend(manifest.data().map(str::to_owned));
        if root.is_none() && !blobs.is_empty() {
            return Err(Error::Unsupported("an app with files, where containerd's content store is out of reach,"));
        }
    }
    let laid_out = tokio::task::spawn_blocking(move || {
        let find = |content: &ContentRef| {
            let digest = content.digest.as_ref().filter(|digest| blobs.contains(*digest));
            if let (Some(digest), Some(root)) = (digest, &root_of_blobs) {
                return root.blob(digest).map(|path| Some(Origin::Link(path))).map_err(std::io::Error::other);
            }
            // Only apps that were locked inside their image name files by path.
            content.file_path().map(|path| image::open_in(&rootfs, &path).map(Origin::Copy)).transpose()
        };
        assets::lay_out(&app, &directory, find, archives).map(|ids| (directory, ids))
    });
    Ok(Some(laid_out.await.map_err(|e| Error::State(e.to_string()))??))
}

/// This very binary, under the name it will keep: a newer shim beside it changes nothing for this pod.
fn own_binary() -> Result<PathBuf> {
    let path = std::fs::read_link("/proc/self/exe").map_err(Error::io("find the shim's binary"))?;
    // Replaced in place, it is still there under this process's own name for it.
    Ok(if path.exists() { path } else { PathBuf::from(format!("/proc/{}/exe", std::process::id())) })
}

/// Default stores live in `/.spin`; the app's user must be able to write there. Where that is not
/// possible (a read-only root, a user namespace), the host keeps them in memory.
fn make_state_directory(rootfs: &Path, config: &Config) {
    use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, Uid, chownat, mkdirat, openat};
    let make = || {
        let root = openat(CWD, rootfs, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        mkdirat(&root, ".spin", Mode::from_raw_mode(0o700))?;
        let (user, group) = config.user();
        chownat(&root, ".spin", Some(Uid::from_raw(user)), Some(Gid::from_raw(group)), AtFlags::SYMLINK_NOFOLLOW)
    };
    if let Err(error) = make() {
        log::debug!("no /.spin in {}: {error}", rootfs.display());
    }
}

fn lame_duck(config: &Config) -> Result<Duration> {
    let Some(text) = config.annotation(LAME_DUCK_ANNOTATION) else { return Ok(LAME_DUCK) };
    text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).ok_or_else(|| {
        Error::Invalid(format!(
            "the annotation {LAME_DUCK_ANNOTATION} is {text:?}: give a number of seconds, such as 2 or 0.5"
        ))
    })
}

fn tell(stdio: &Stdio, error: &Error) {
    let told = stdio.error_writer().and_then(|writer| match writer {
        Some(mut writer) => writeln!(writer, "Error: {error}").map_err(Error::io("write the container's errors")),
        None => Ok(()),
    });
    if let Err(untold) = told {
        log::error!("{error} ({untold})");
    }
}
