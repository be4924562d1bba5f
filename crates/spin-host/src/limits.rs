//! What one instance may take.

use wasmtime::ResourceLimiter;

/// Caps the linear memories of one instance together.
pub(crate) struct Limits {
    /// Bytes, `None` for no cap but the pool's.
    memory: Option<usize>,
    used: usize,
}

impl Limits {
    pub(crate) fn new(memory: Option<usize>) -> Self {
        Self { memory, used: 0 }
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        if self.memory.is_some_and(|cap| used > cap) {
            return Ok(false);
        }
        self.used = used;
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, _desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn memories_count_together() {
        let mut limits = Limits::new(Some(100));
        assert!(limits.memory_growing(0, 60, None).unwrap());
        assert!(!limits.memory_growing(0, 60, None).unwrap());
        assert!(limits.memory_growing(60, 100, None).unwrap());
        assert!(!limits.memory_growing(100, 101, None).unwrap());
        assert!(Limits::new(None).memory_growing(0, usize::MAX, None).unwrap());
    }
}
