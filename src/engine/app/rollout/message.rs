//! What kubelet and containerd say around the message that counts.

/// A message without the wrappings of kubelet and containerd.
pub(super) fn cleaned(message: &str) -> String {
    let mut rest = message.trim();
    loop {
        let before = rest;
        for wrapping in WRAPPINGS {
            rest = rest.strip_prefix(wrapping).unwrap_or(rest).trim_start();
        }
        // `failed to start containerd task "<id>": ...`
        if let Some((_, inner)) =
            rest.strip_prefix("failed to start containerd task \"").and_then(|it| it.split_once("\": "))
        {
            rest = inner;
        }
        if rest == before {
            return rest.to_owned();
        }
    }
}

const WRAPPINGS: [&str; 5] = [
    "failed to create containerd task:",
    "failed to create shim task:",
    "rpc error: code = Unknown desc =",
    "Error: failed to start container:",
    "Others(\"other error:",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_inner_message_is_left() {
        for (message, inner) in [
            ("failed to create containerd task: failed to create shim task: no app here", "no app here"),
            ("failed to start containerd task \"0a1b\": the component hello traps", "the component hello traps"),
            ("back-off 10s restarting failed container", "back-off 10s restarting failed container"),
        ] {
            assert_eq!(cleaned(message), inner);
        }
    }
}
