//! containerd's event stream, in the order in which things happen.

use containerd_shim::event::Event;
use containerd_shim::protos::ttrpc::context::with_duration;
use containerd_shim::publisher::RemotePublisher;

/// How long one delivery may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// Publishes events of one namespace.
pub(crate) struct Events {
    publisher: RemotePublisher,
    namespace: String,
}

impl Events {
    /// Events go through `publisher`, which keeps their order.
    pub(crate) fn new(publisher: RemotePublisher, namespace: String) -> Self {
        Self { publisher, namespace }
    }

    /// Queues an event. One that cannot be delivered is logged: no call fails for it.
    pub(crate) async fn publish(&self, event: impl Event) {
        let topic = event.topic();
        if let Err(error) =
            self.publisher.publish(with_duration(PATIENCE), &topic, &self.namespace, Box::new(event)).await
        {
            log::error!("cannot publish {topic}: {error}");
        }
    }
}
