//! The program. Everything is in the library.

use std::process::ExitCode;

// The one of glibc keeps most of what a large pass has used. How this one is set up stands in `.cargo/config.toml`.
#[cfg(feature = "allocator")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    mailferry::cli::main()
}
