//! Runs the tool and reads its events.

use std::{
    ffi::OsString,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use super::eventually;

/// No command of these tests takes as long, unless it hangs.
const LIMIT: Duration = Duration::from_mins(4);

/// The program under test.
pub(crate) fn program() -> PathBuf {
    let path = std::env::var_os("SPINKUBE_DEV_BIN");
    path.expect("SPINKUBE_DEV_BIN names the program under test: run these tests with tests/run").into()
}

/// Runs a command to its end.
pub(crate) fn run(args: &[&str]) -> Outcome {
    Tool::new(args).run()
}

/// A command of the tool.
pub(crate) struct Tool {
    program: PathBuf,
    wrapper: Vec<OsString>,
    args: Vec<String>,
    env: Vec<(String, OsString)>,
    dir: Option<PathBuf>,
    json: bool,
}

impl Tool {
    pub(crate) fn new(args: &[&str]) -> Self {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Self { program: program(), wrapper: Vec::new(), args, env: Vec::new(), dir: None, json: true }
    }

    /// Another build of the program.
    pub(crate) fn program(mut self, path: &Path) -> Self {
        self.program = path.into();
        self
    }

    /// A program that runs the tool, and that program's own arguments.
    pub(crate) fn under<S: Into<OsString>>(mut self, wrapper: impl IntoIterator<Item = S>) -> Self {
        self.wrapper = wrapper.into_iter().map(Into::into).collect();
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Where it runs; else in the repository's root.
    pub(crate) fn dir(mut self, path: &Path) -> Self {
        self.dir = Some(path.into());
        self
    }

    /// As people see it; there are no events then.
    pub(crate) fn text(mut self) -> Self {
        self.json = false;
        self
    }

    /// Starts it.
    pub(crate) fn start(self) -> Running {
        let mut words = self.wrapper;
        words.push(self.program.into());
        words.extend(self.args.iter().map(Into::into));
        if self.json {
            words.extend(["--output".into(), "json".into()]);
        }
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).envs(self.env).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(dir) = self.dir {
            command.current_dir(dir);
        }
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", words[0].display()));
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        let reader = std::thread::spawn(move || {
            // Nobody listens any more when the test is over.
            out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)).unwrap_or_default();
        });
        let mut err = child.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut text = Vec::new();
            err.read_to_end(&mut text).unwrap_or_default();
            String::from_utf8_lossy(&text).into_owned()
        });
        Running { child, lines, reader, stderr, seen: Vec::new(), json: self.json, began: Instant::now() }
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Outcome {
        self.start().finish()
    }
}

/// A command that runs.
///
/// Actors: the child; one thread for each of its pipes, which ends with the pipe; the test, which takes lines from a
/// channel.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    reader: JoinHandle<()>,
    stderr: JoinHandle<String>,
    seen: Vec<String>,
    json: bool,
    began: Instant,
}

impl Running {
    /// Waits for an event like `step-started` of a step. `false`: the command ended without it.
    pub(crate) fn reach(&mut self, event: &str, step: &str) -> bool {
        while let Ok(line) = self.lines.recv_timeout(LIMIT) {
            let value = parse(&line);
            self.seen.push(line);
            if value["event"] == event && value["step"] == step {
                return true;
            }
        }
        false
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Outcome {
        let status = self.wait();
        self.reader.join().unwrap();
        self.seen.extend(self.lines.try_iter());
        let elapsed = self.began.elapsed();
        let stderr = self.stderr.join().unwrap();
        let events = if self.json { self.seen.iter().map(|line| parse(line)).collect() } else { Vec::new() };
        let outcome = Outcome { status, events, stdout: self.seen.join("\n"), stderr, elapsed };
        outcome.check_stream();
        outcome
    }

    fn wait(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            if began.elapsed() > LIMIT {
                self.child.kill().unwrap();
                let said: Vec<_> = self.lines.try_iter().collect();
                panic!("the command hangs; it said:\n{}\n{}", self.seen.join("\n"), said.join("\n"));
            }
            // std offers no wait with a deadline.
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("stdout has a line that is no JSON ({error}): {line}"))
}

/// A command that ended.
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) events: Vec<Value>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) elapsed: Duration,
}

/// What a command said of its failure.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) help: String,
}

impl Outcome {
    /// It must have ended well.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert!(self.status.success(), "{}", self.told());
        self
    }

    /// The last event, which must be of this name.
    #[track_caller]
    pub(crate) fn closing(&self, event: &str) -> Value {
        let last = self.events.last().cloned().unwrap_or_default();
        assert_eq!(last["event"], event, "{}", self.told());
        last
    }

    /// All events of a name.
    pub(crate) fn all<'a>(&'a self, event: &'a str) -> impl Iterator<Item = &'a Value> {
        self.events.iter().filter(move |it| it["event"] == event)
    }

    /// It must have failed with this exit code, and said so as cli.md demands: a sentence and a cure.
    #[track_caller]
    pub(crate) fn failure(&self, code: i32) -> Failure {
        assert_eq!(self.status.code(), Some(code), "{}", self.told());
        let failed = self.closing("failed");
        assert_eq!(failed["exit_code"], code, "{failed}");
        let text = |key: &str| failed[key].as_str().unwrap_or_default().to_owned();
        let failure = Failure { message: text("message"), help: text("help") };
        assert!(!failure.message.is_empty(), "{failed}");
        // Where a library's error is shown as it is, its cure stands behind a semicolon.
        assert!(!failure.help.is_empty() || failure.message.contains("; "), "there is no cure in {failed}");
        failure
    }

    /// Every stream is numbered from 1 without a gap, and timed by two clocks.
    #[track_caller]
    fn check_stream(&self) {
        let mut before = 0;
        for (index, event) in self.events.iter().enumerate() {
            assert_eq!(event["seq"], index + 1, "{}", self.told());
            let at = event["at"].as_str().unwrap_or_default();
            assert!(at.ends_with('Z') && at.parse::<jiff::Timestamp>().is_ok(), "{event}");
            let mono = event["mono_ns"].as_u64().unwrap_or_else(|| panic!("{event}"));
            assert!(mono >= before, "the clock went back: {}", self.told());
            before = mono;
            assert!(event["event"].is_string(), "{event}");
        }
    }

    /// Everything that it said, for a failed assertion.
    pub(crate) fn told(&self) -> String {
        format!("{} after {:.1} s\n{}\n{}", self.status, self.elapsed.as_secs_f64(), self.stdout, self.stderr)
    }
}

impl Failure {
    /// Each of these must stand in the sentence or the cure.
    #[track_caller]
    pub(crate) fn says(&self, words: &[&str]) -> &Self {
        for word in words {
            assert!(self.message.contains(word) || self.help.contains(word), "{word} is not in {self:?}");
        }
        self
    }

    /// It must be one line.
    #[track_caller]
    pub(crate) fn is_one_sentence(&self) -> &Self {
        assert!(!self.message.contains('\n'), "{}", self.message);
        self
    }
}

/// Waits until no process has all of these words in its command line.
pub(crate) fn gone(words: &[&str]) {
    eventually(&format!("every process {words:?} is gone"), Duration::from_secs(10), || {
        processes(words).is_empty().then_some(())
    });
}

/// The command lines of processes which have all of these words.
fn processes(words: &[&str]) -> Vec<String> {
    let all = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| words.iter().all(|word| line.contains(word)))
        .collect()
}
