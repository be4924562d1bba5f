//! Descriptors: those this process inherited, and those the event loop watches. The only `unsafe` code
//! of the shim.

use std::os::fd::OwnedFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Notes which descriptors are open, so that `take_fd_ownership` can give each of them away once.
///
/// # Errors
/// `/proc` is not mounted.
pub(crate) fn note_inherited() -> std::io::Result<()> {
    // SAFETY: called once, as the first thing that `main` does: no other thread runs, and this program
    // has opened nothing of its own yet, so every descriptor but the standard streams was inherited and
    // has no owner.
    #[allow(unsafe_code)]
    unsafe {
        command_fds::inherited::init_inherited_fds()
    }
}

/// Has the event loop tell when a descriptor can be read.
pub(crate) fn watch_readable(descriptor: OwnedFd) -> std::io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the result owns the descriptor, and `OwnedFd` gives out the same open descriptor for as
    // long as it lives.
    #[allow(unsafe_code)]
    let registered = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) };
    Ok(registered?)
}
