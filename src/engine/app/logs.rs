//! What the pods of apps say.
//!
//! Actors: a watch over the pods, and one reader a container run; all owned by [`logs`], which hands lines to the
//! event stream as they come. A container that was restarted is a new run and gets a new reader.

use std::collections::{BTreeMap, BTreeSet};

use futures::{AsyncBufRead, AsyncBufReadExt, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, LogParams},
    runtime::{
        WatchStreamExt,
        watcher::{self, Event as Change, watcher},
    },
};
use spinkube_api::contract::APP_NAME_LABEL;
use tokio::task::JoinSet;

use super::{
    AppError,
    list::{list, no_such_app, scoped},
};
use crate::engine::{Engine, bus::Events, cluster::Cluster, event::Event};

/// Bytes of a line that are shown; a guest may write without end.
const LONGEST_LINE: usize = 64 * 1024;

/// Which lines are wanted.
#[derive(Debug, Clone, Default)]
pub struct LogOptions {
    /// The app; all of them when there is none.
    pub app: Option<String>,
    /// Its namespace.
    pub namespace: String,
    /// Go on with new lines and new pods until the command is interrupted.
    pub follow: bool,
    /// Only the last lines of each pod that is there.
    pub tail: Option<i64>,
}

/// One start of one pod's container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Run {
    uid: String,
    restarts: i32,
}

/// Emits [`Event::Log`] for each line.
pub async fn logs(engine: &Engine, cluster: &Cluster, options: &LogOptions) -> Result<(), AppError> {
    let apps = list(engine, cluster, Some(&options.namespace)).await?;
    if let Some(app) = options.app.as_ref().filter(|app| apps.iter().all(|it| it.name != **app)) {
        let everywhere = list(engine, cluster, None).await?;
        return Err(no_such_app(app, &options.namespace, &everywhere));
    }
    let selector =
        options.app.as_ref().map_or_else(|| APP_NAME_LABEL.to_owned(), |app| format!("{APP_NAME_LABEL}={app}"));
    let pods: Api<Pod> = scoped(&cluster.client, Some(&options.namespace));
    let reader = Reader { client: cluster.client.clone(), events: engine.events.clone(), options: options.clone() };
    if options.follow { reader.follow(pods, &selector).await } else { reader.once(&pods, &selector).await }
}

#[derive(Clone)]
struct Reader {
    client: Client,
    events: Events,
    options: LogOptions,
}

impl Reader {
    /// One pod after the other, oldest first.
    async fn once(&self, pods: &Api<Pod>, selector: &str) -> Result<(), AppError> {
        let listed = pods.list(&ListParams::default().labels(selector)).await;
        let mut listed = listed.map_err(AppError::api("list the pods of apps"))?.items;
        listed.sort_by_key(|pod| (pod.creation_timestamp(), pod.name_any()));
        for pod in listed.iter().filter(|pod| run_of(pod).is_some()) {
            self.read(pod, self.options.tail).await?;
        }
        Ok(())
    }

    /// All pods at once, and those that come.
    async fn follow(&self, pods: Api<Pod>, selector: &str) -> Result<(), AppError> {
        let mut changes = watcher(pods, watcher::Config::default().labels(selector)).default_backoff().boxed();
        let mut readers: JoinSet<Result<(), AppError>> = JoinSet::new();
        // Pods that were there at the beginning, until each has its first reader.
        let mut old = BTreeSet::new();
        let mut begun: BTreeMap<String, i32> = BTreeMap::new();
        let mut complete = false;
        loop {
            let change = tokio::select! {
                change = changes.next() => change,
                Some(ended) = readers.join_next() => {
                    match ended {
                        // A pod that went away while it was read is no failure of the others.
                        Ok(Err(error)) => tracing::info!(%error, "a log ended"),
                        Ok(Ok(())) => {}
                        Err(_) => return Err(AppError::Interrupted),
                    }
                    continue;
                }
            };
            let pod = match change {
                Some(Ok(Change::InitApply(pod))) => {
                    if !complete {
                        old.insert(pod.uid());
                    }
                    pod
                }
                Some(Ok(Change::Apply(pod))) => pod,
                Some(Ok(Change::InitDone)) => {
                    complete = true;
                    continue;
                }
                Some(Ok(Change::Init)) => continue,
                Some(Ok(Change::Delete(pod))) => {
                    begun.remove(&pod.uid().unwrap_or_default());
                    continue;
                }
                Some(Err(error)) => {
                    tracing::debug!(%error, "the watch was interrupted");
                    continue;
                }
                None => return Err(AppError::Interrupted),
            };
            let Some(run) =
                run_of(&pod).filter(|run| begun.get(&run.uid).is_none_or(|restarts| *restarts < run.restarts))
            else {
                continue;
            };
            begun.insert(run.uid, run.restarts);
            let tail = self.options.tail.filter(|_| old.remove(&pod.uid()));
            let reader = self.clone();
            readers.spawn(async move { reader.read(&pod, tail).await });
        }
    }

    async fn read(&self, pod: &Pod, tail: Option<i64>) -> Result<(), AppError> {
        let name = pod.name_any();
        let app = app_of(pod);
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.options.namespace);
        let params = LogParams {
            container: Some(app.clone()),
            follow: self.options.follow,
            tail_lines: tail,
            ..LogParams::default()
        };
        let refused = || AppError::api(format!("read the log of {name}"));
        let stream = match pods.log_stream(&name, &params).await {
            Ok(stream) => stream,
            // Gone, or between two runs, since it was listed.
            Err(kube::Error::Api(status)) if matches!(status.code, 400 | 404) => return Ok(()),
            Err(error) => return Err(refused()(error)),
        };
        let emit = |line: String| self.events.emit(Event::Log { app: app.clone(), pod: name.clone(), line });
        lines(stream, emit)
            .await
            .map_err(|error| AppError::Api { action: format!("read the log of {name}"), reason: error.to_string() })
    }
}

/// The run of the app's container that has something to say.
fn run_of(pod: &Pod) -> Option<Run> {
    let app = app_of(pod);
    let container = pod.status.as_ref()?.container_statuses.as_ref()?.iter().find(|it| it.name == app)?;
    let state = container.state.as_ref()?;
    let has_run = state.running.is_some() || state.terminated.is_some() || container.restart_count > 0;
    has_run.then(|| Run { uid: pod.uid().unwrap_or_default(), restarts: container.restart_count })
}

fn app_of(pod: &Pod) -> String {
    pod.labels().get(APP_NAME_LABEL).cloned().unwrap_or_default()
}

/// Hands over each line, without its end and cut at [`LONGEST_LINE`].
async fn lines(stream: impl AsyncBufRead, mut each: impl FnMut(String)) -> std::io::Result<()> {
    let mut stream = std::pin::pin!(stream);
    let mut line = Vec::new();
    loop {
        let chunk = stream.fill_buf().await?;
        if chunk.is_empty() {
            break;
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let (text, used) = end.map_or((chunk, chunk.len()), |end| (&chunk[..end], end + 1));
        let room = LONGEST_LINE.saturating_sub(line.len());
        line.extend_from_slice(&text[..text.len().min(room)]);
        stream.consume_unpin(used);
        if end.is_some() {
            each(text_of(&mut line));
        }
    }
    if !line.is_empty() {
        each(text_of(&mut line));
    }
    Ok(())
}

fn text_of(line: &mut Vec<u8>) -> String {
    let text = String::from_utf8_lossy(line).trim_end_matches('\r').to_owned();
    line.clear();
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    async fn read(bytes: Vec<u8>) -> Vec<String> {
        let mut all = Vec::new();
        // Chunks of 7 bytes: lines begin and end anywhere in them.
        lines(futures::io::BufReader::with_capacity(7, futures::io::Cursor::new(bytes)), |line| all.push(line))
            .await
            .unwrap();
        all
    }

    #[tokio::test]
    async fn lines_are_whole_and_bounded() {
        assert_eq!(
            read(b"one\r\n\nlonger than a chunk\nend".to_vec()).await,
            ["one", "", "longer than a chunk", "end"]
        );
        let mut endless = vec![b'x'; 3 * LONGEST_LINE];
        endless.extend(b"\nnext\n\xff");
        let read = read(endless).await;
        assert_eq!((read[0].len(), read[1].as_str(), read[2].as_str()), (LONGEST_LINE, "next", "\u{fffd}"));
    }

    #[test]
    fn a_run_is_counted_when_it_has_something_to_say() {
        let pod = |state: serde_json::Value, restarts: i32| -> Pod {
            serde_json::from_value(json!({
                "metadata": { "uid": "u", "labels": { APP_NAME_LABEL: "hello" } },
                "status": { "containerStatuses": [{
                    "name": "hello", "image": "", "imageID": "", "ready": false, "restartCount": restarts, "state": state,
                }] },
            }))
            .unwrap()
        };
        let run = |restarts| Some(Run { uid: "u".into(), restarts });
        assert_eq!(run_of(&pod(json!({ "waiting": { "reason": "ContainerCreating" } }), 0)), None);
        assert_eq!(run_of(&pod(json!({ "running": {} }), 0)), run(0));
        assert_eq!(run_of(&pod(json!({ "terminated": { "exitCode": 1 } }), 0)), run(0));
        assert_eq!(run_of(&pod(json!({ "waiting": { "reason": "CrashLoopBackOff" } }), 2)), run(2));
        assert_eq!(run_of(&Pod::default()), None);
    }
}
