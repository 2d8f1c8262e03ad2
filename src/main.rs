//! The one binary, `callout`. Everything is in the library; here are only what must come first: the allocator and the TLS provider.

use std::process::ExitCode;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The one TLS provider; an error only says that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    callout::cli::main()
}
