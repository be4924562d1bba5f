//! Commands that end early, and nodes that go under them: the next `up` mends it.

use nix::sys::signal::Signal;

use crate::support::{
    docker::{self, docker},
    http::body_of,
    tool::{Tool, gone, run},
    url_of,
};

/// A cluster of its own: it is broken on purpose.
const NAME: &str = "e2e-kill";

#[test]
#[ignore = "needs a cluster: tests/run"]
fn up_killed_at_any_step_is_made_whole_by_the_next() {
    run(&["down", "--name", NAME]).ok();
    // Each run begins where the one before was killed, and comes further.
    let points = [
        ("step-started", "create the cluster"),
        ("step-finished", "install the shim"),
        ("step-started", "install the operator"),
        ("step-started", "roll out hello-rust"),
    ];
    for (event, step) in points {
        let mut up = Tool::new(&["up", "--name", NAME]).start();
        let reached = up.reach(event, step);
        if reached {
            up.signal(Signal::SIGKILL);
        }
        let outcome = up.finish();
        assert!(reached, "never came to {event} of {step}: {}", outcome.told());
    }
    let finished = run(&["up", "--name", NAME]).ok().closing("up-finished");
    assert_eq!(body_of(&url_of(&finished)), "Hello, world!\n");

    // The node is removed by hand: made anew.
    docker(&["rm", "-f", "-v", &format!("{NAME}-control-plane")]);
    let finished = run(&["up", "--name", NAME]).ok().closing("up-finished");
    assert_eq!(finished["reused"], false);
    assert_eq!(body_of(&url_of(&finished)), "Hello, world!\n");
    run(&["down", "--name", NAME]).ok();
    assert_eq!(docker::labelled(&format!("io.x-k8s.kind.cluster={NAME}")), [""; 0]);
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn ctrl_c_leaves_no_process_and_down_removes_the_rest() {
    run(&["down", "--name", NAME]).ok();
    let mut up = Tool::new(&["up", "--name", NAME, "--no-app"]).start();
    assert!(up.reach("step-progress", "create the cluster"));
    up.signal(Signal::SIGINT);
    let outcome = up.finish();
    outcome.failure(130).is_one_sentence().says(&["interrupted", "run it again"]);
    gone(&["create cluster", NAME]);

    let status = run(&["status", "--name", NAME]).ok().closing("status");
    assert!(["half made", "absent"].contains(&status["state"].as_str().unwrap()), "{status}");
    run(&["down", "--name", NAME]).ok();
    assert_eq!(docker::labelled(&format!("io.x-k8s.kind.cluster={NAME}")), [""; 0]);
}
