//! What the shim promises of pods: when a start counts, what ends with them, what runs beside them.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;

use crate::support::{
    self, CLUSTER,
    app::{App, demo_component, url_of},
    cluster::{apply, get, kubectl},
    docker::docker,
    eventually,
    http::body_of,
    oci,
};

const CONTROL_PLANE: &str = "e2e-control-plane";

/// Removes pods by their name, whatever the test's end.
struct Pod(&'static str);

impl Drop for Pod {
    fn drop(&mut self) {
        drop(std::process::Command::new("docker").args(["exec", CONTROL_PLANE]).args(kubectl_delete(self.0)).output());
    }
}

fn kubectl_delete(pod: &str) -> [&str; 7] {
    ["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "delete", "pod", "--ignore-not-found", "--now", pod]
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn a_running_container_is_an_app_that_listens() {
    support::up();
    let image = oci::push_app(&support::registry(), "e2e-listens", &demo_component());
    let _pod = Pod("e2e-listens");
    // No readiness probe: the container's own start is all that there is to go by.
    for round in 0..5 {
        let pod = format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: e2e-listens}}, spec: {{runtimeClassName: wasmtime-spin-v2, \
             terminationGracePeriodSeconds: 0, containers: [{{name: app, image: '{image}', command: [/]}}]}}}}"
        );
        apply(&pod, &[]).unwrap();
        kubectl(&["wait", "pod/e2e-listens", "--for=jsonpath={.status.phase}=Running", "--timeout=60s"]);
        let address = get(&["pod", "e2e-listens"])["status"]["podIP"].as_str().unwrap().to_owned();
        let script = format!(
            "exec 3<>/dev/tcp/{address}/80; printf 'GET /hello/{round} HTTP/1.0\\r\\nhost: e\\r\\n\\r\\n' >&3; cat <&3"
        );
        let answer = docker(&["exec", CONTROL_PLANE, "bash", "-c", &script]);
        assert!(answer.contains(&format!("Hello, {round}!")), "{answer}");
        kubectl(&["delete", "pod", "e2e-listens", "--now"]);
    }
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn a_request_that_an_old_pod_began_is_finished_by_it() {
    support::up();
    let app = App::hello("e2e-drain", "greetee = { default = \"old\" }");
    let url = url_of(&app.deploy(&[]).ok());
    let address = url.strip_prefix("http://").unwrap();
    let mut slow = TcpStream::connect(address).unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    // The guest waits for the whole body before it answers.
    write!(slow, "POST / HTTP/1.1\r\nhost: {address}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n1").unwrap();

    app.deploy(&["--variable", "greetee=new"]).ok();
    // The old pod is on its way out, past the time in which it still takes new requests.
    eventually("only the new pod answers", Duration::from_secs(10), || {
        (body_of(&url) == "Hello, new!\n").then_some(())
    });
    let leaving = get(&["pod", "-l", "core.spinkube.dev/app-name=e2e-drain"]);
    let leaving =
        leaving["items"].as_array().unwrap().iter().filter(|it| it["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(leaving.count(), 1, "the old pod did not wait for its request");

    slow.write_all(b"2").unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("Hello, old!"), "{answer}");
    eventually("the old pod is gone", Duration::from_secs(10), || {
        let pods = get(&["pod", "-l", "core.spinkube.dev/app-name=e2e-drain"]);
        (pods["items"].as_array().unwrap().len() == 1).then_some(())
    });
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn a_native_sidecar_runs_beside_the_app_and_both_are_measured() {
    support::up();
    let registry = support::registry();
    let image = oci::push_app(&registry, "e2e-sidecar", &demo_component());
    let twin = docker(&["images", "--format", "{{.Repository}}:{{.Tag}}", "spinkube-dev/hello-rust-container"]);
    let twin = twin.lines().next().expect("`make twins` made the demo's twin");
    let sidecar = format!("{registry}/e2e-sidecar-twin:v1");
    docker(&["tag", twin, &sidecar]);
    docker(&["push", "-q", &sidecar]);
    let _pod = Pod("e2e-sidecar");
    let pod = format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: e2e-sidecar}}, spec: {{runtimeClassName: wasmtime-spin-v2, \
         containers: [{{name: app, image: '{image}', command: [/]}}, \
         {{name: sidecar, image: '{sidecar}', env: [{{name: LISTEN_ADDR, value: '0.0.0.0:8080'}}], \
         readinessProbe: {{httpGet: {{path: /, port: 8080}}, periodSeconds: 1}}}}]}}}}"
    );
    apply(&pod, &[]).unwrap();
    kubectl(&["wait", "pod/e2e-sidecar", "--for=condition=Ready", "--timeout=60s"]);

    // Only metrics-server's own rounds say when it has looked: every 15 s.
    let used = eventually("both containers are measured", Duration::from_mins(2), || {
        let path = "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/e2e-sidecar";
        let raw = docker_ok(&["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "get", "--raw", path])?;
        let metrics: Value = serde_json::from_str(&raw).ok()?;
        let containers = metrics["containers"].as_array()?.clone();
        (containers.len() == 2).then_some(containers)
    });
    for container in used {
        let memory = container["usage"]["memory"].as_str().unwrap();
        assert!(!memory.starts_with('0'), "{container}");
    }
}

fn docker_ok(args: &[&str]) -> Option<String> {
    let output = support::docker::output(&[&["exec", CONTROL_PLANE], args].concat());
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn code_is_compiled_once_for_all_pods_of_a_node() {
    support::up();
    // Bytes that no pod ran before: an empty custom section, named by the moment.
    let name = format!("{:?}", std::time::SystemTime::now());
    let mut code = demo_component();
    code.push(0);
    code.push(u8::try_from(name.len() + 1).unwrap());
    code.push(u8::try_from(name.len()).unwrap());
    code.extend(name.as_bytes());
    let app = App::with_code("e2e-native", "greetee = { default = \"x\" }", &code);
    let before = native_blobs();
    app.deploy(&["--replicas", "2"]).ok();
    assert_eq!(native_blobs(), before + 1, "two first starts at once made one compilation");
    app.deploy(&["--replicas", "2", "--variable", "greetee=y"]).ok();
    assert_eq!(native_blobs(), before + 1, "a restart compiles nothing");
}

/// Blobs with native code of ours in the node's content store.
fn native_blobs() -> usize {
    let list = docker(&["exec", CONTROL_PLANE, "ctr", "-n", "k8s.io", "content", "ls"]);
    list.lines().filter(|line| line.contains("dev.spinkube.native.original")).count()
}

#[test]
#[ignore = "needs a cluster: tests/run"]
fn an_image_from_scratch_with_a_spin_toml_runs() {
    support::up();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("main.wasm"), demo_component()).unwrap();
    let manifest = "spin_manifest_version = 2\n[application]\nname = \"scratch\"\n[[trigger.http]]\nroute = \"/...\"\n\
                    component = \"main\"\n[component.main]\nsource = \"main.wasm\"\n\
                    variables = { greetee = \"scratch\" }\n";
    std::fs::write(dir.path().join("spin.toml"), manifest).unwrap();
    std::fs::write(dir.path().join("Dockerfile"), "FROM scratch\nCOPY spin.toml main.wasm /\n").unwrap();
    let image = format!("{}/e2e-scratch:v1", support::registry());
    docker(&["build", "-q", "-t", &image, dir.path().to_str().unwrap()]);
    docker(&["push", "-q", &image]);
    let app = App::without_code("e2e-scratch", "");
    let spin_app = format!(
        "{{apiVersion: core.spinkube.dev/v1alpha1, kind: SpinApp, metadata: {{name: {}}}, \
         spec: {{image: '{image}', executor: containerd-shim-spin, replicas: 1}}}}",
        app.name
    );
    apply(&spin_app, &[]).unwrap();
    eventually("the app is available", Duration::from_mins(1), || {
        let status = get(&["spinapp", &app.name]);
        (status["status"]["readyReplicas"] == 1).then_some(())
    });
    let address = get(&["service", &app.name])["spec"]["clusterIP"].as_str().unwrap().to_owned();
    let script =
        format!("exec 3<>/dev/tcp/{address}/80; printf 'GET / HTTP/1.0\\r\\nhost: e\\r\\n\\r\\n' >&3; cat <&3");
    let answer = docker(&["exec", CONTROL_PLANE, "bash", "-c", &script]);
    assert!(answer.contains("Hello, scratch!"), "{answer}");
    assert_eq!(CONTROL_PLANE, format!("{CLUSTER}-control-plane"));
}
