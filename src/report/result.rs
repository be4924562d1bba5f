//! Results on stdout: what a command was asked for.

use std::io::{self, Write};

use super::{Sink, lines::duration};
use crate::engine::event::{AppSummary, Event, Stamped, Status};

pub(super) struct Results {
    color: bool,
}

impl Results {
    pub(super) fn new(color: bool) -> Self {
        Self { color }
    }
}

impl Sink for Results {
    fn show(&mut self, event: &Stamped) -> io::Result<()> {
        let text = text(&event.event, self.color);
        if text.is_empty() { Ok(()) } else { writeln!(io::stdout(), "{text}") }
    }
}

/// What an event adds to the result; empty for progress.
fn text(event: &Event, color: bool) -> String {
    match event {
        Event::UpFinished { seconds, cluster, context, reused, apps, .. } => {
            let how = if *reused { "was there already" } else { "is up" };
            let mut text = format!("The cluster {cluster} {how} ({}, context {context}).", duration(*seconds));
            for app in apps {
                let place = app.url.clone().unwrap_or_else(|| format!("{}/{} ready", app.ready, app.desired));
                text.push_str(&format!("\n{}  {place}", app.name));
            }
            text
        }
        Event::DownFinished { seconds, cluster, removed, purged } => {
            let mut text = if *removed {
                format!("The cluster {cluster} is removed ({}).", duration(*seconds))
            } else {
                format!("There is no cluster {cluster}.")
            };
            if *purged {
                text.push_str(" Registry and caches are gone too.");
            }
            text
        }
        Event::StopFinished { seconds, cluster } => {
            format!("The cluster {cluster} is stopped ({}).", duration(*seconds))
        }
        Event::StartFinished { seconds, cluster, apps } => {
            format!("The cluster {cluster} runs again ({}).{}", duration(*seconds), app_lines(apps))
        }
        Event::Status(found) => status(found),
        Event::Apps { apps } if apps.is_empty() => "There are no apps. `spinkube-dev deploy` makes one.".into(),
        Event::Apps { apps } => app_table(apps),
        Event::Pushed { reference, digest, .. } => format!("{reference}@{digest}"),
        Event::Deployed(app) => match &app.url {
            Some(url) => format!("{}  {url}", app.name),
            None => format!("{}  {}/{} ready", app.name, app.ready, app.desired),
        },
        Event::Deleted { app, .. } => format!("{app} is deleted."),
        Event::NodeImage { reference, .. } => reference.clone(),
        Event::Log { app, pod, line } => {
            let name = pod.rsplit('-').next().unwrap_or(pod);
            if color { format!("\x1b[36m{app}/{name}\x1b[0m {line}") } else { format!("{app}/{name} {line}") }
        }
        _ => String::new(),
    }
}

fn app_lines(apps: &[AppSummary]) -> String {
    apps.iter().filter_map(|app| app.url.as_ref().map(|url| format!("\n{}  {url}", app.name))).collect()
}

fn app_table(apps: &[AppSummary]) -> String {
    let rows = apps.iter().map(|app| {
        [
            app.name.clone(),
            app.namespace.clone(),
            format!("{}/{}", app.ready, app.desired),
            app.url.clone().unwrap_or_else(|| "-".into()),
            app.image.clone(),
        ]
    });
    table(&["NAME", "NAMESPACE", "READY", "URL", "IMAGE"].map(str::to_owned), rows)
}

fn status(found: &Status) -> String {
    let absent = || "-".to_owned();
    let mut text = format!("cluster     {} ({})\ncontext     {}\n", found.cluster, found.state, found.context);
    text.push_str(&format!("kubernetes  {}\n", found.kubernetes.clone().unwrap_or_else(absent)));
    text.push_str(&format!(
        "set up by   {}\n",
        found.operator.as_ref().map_or_else(absent, |it| format!("spinkube-dev {it}"))
    ));
    text.push_str(&format!("registry    {}\n", found.registry.clone().unwrap_or_else(absent)));
    text.push_str(&format!("log file    {}", found.log_file));
    if !found.nodes.is_empty() {
        let rows = found.nodes.iter().map(|node| {
            let state = if node.running { "running" } else { "stopped" };
            [node.name.clone(), node.role.clone(), state.into(), node.shim.clone().unwrap_or_else(absent)]
        });
        text.push_str("\n\n");
        text.push_str(&table(&["NODE", "ROLE", "STATE", "SHIM"].map(str::to_owned), rows));
    }
    if !found.apps.is_empty() {
        text.push_str("\n\n");
        text.push_str(&app_table(&found.apps));
    }
    text
}

/// Columns as wide as their widest cell; the last one is not padded.
fn table<const N: usize>(head: &[String; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = std::iter::once(head.clone()).chain(rows).collect();
    let widths: Vec<usize> =
        (0..N).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> AppSummary {
        AppSummary {
            name: "hello-rust".into(),
            namespace: "default".into(),
            url: Some("http://localhost:8081".into()),
            image: "localhost:5001/hello-rust@sha256:abc".into(),
            ready: 1,
            desired: 1,
        }
    }

    #[test]
    fn apps_are_a_table() {
        insta::assert_snapshot!(text(&Event::Apps { apps: vec![app()] }, false), @r"
        NAME        NAMESPACE  READY  URL                    IMAGE
        hello-rust  default    1/1    http://localhost:8081  localhost:5001/hello-rust@sha256:abc
        ");
    }

    #[test]
    fn up_ends_with_the_url() {
        let event = Event::UpFinished {
            seconds: 12.3,
            cluster: "spinkube".into(),
            context: "kind-spinkube".into(),
            reused: false,
            steps: vec![],
            apps: vec![app()],
        };
        insta::assert_snapshot!(text(&event, false), @r"
        The cluster spinkube is up (12.3 s, context kind-spinkube).
        hello-rust  http://localhost:8081
        ");
    }

    #[test]
    fn status_shows_all_that_is_known() {
        let status = Status {
            cluster: "spinkube".into(),
            context: "kind-spinkube".into(),
            state: "stopped".into(),
            kubernetes: None,
            nodes: vec![],
            operator: None,
            registry: Some("localhost:5001".into()),
            apps: vec![],
            log_file: "/home/u/.local/state/spinkube-dev/spinkube-dev.log".into(),
        };
        insta::assert_snapshot!(text(&Event::Status(Box::new(status)), false), @r"
        cluster     spinkube (stopped)
        context     kind-spinkube
        kubernetes  -
        set up by   -
        registry    localhost:5001
        log file    /home/u/.local/state/spinkube-dev/spinkube-dev.log
        ");
    }
}
