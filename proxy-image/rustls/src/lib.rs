//! TLS for servers: rustls, behind a C interface of a few calls that take memory of their caller.
//!
//! Not an interface for everybody: it has what the proxy's `runtime/rustls/` needs, and changes with it (`ABI`). The whole
//! of rustls-ffi would be three times the calls, hides why a certificate is refused, and calls back for every 4 KiB.
//!
//! Rules that hold for every function here:
//! - A pointer that is passed is null, or was returned by the function that makes its kind and not freed since. Null is
//!   answered by failure.
//! - Memory that is passed with a length is the caller's, and is used only while the call lasts.
//! - One thread calls. What is returned is not thread-bound, but nothing here locks a session.
//! - A panic is a failure of the call (`guard.rs`); a session that has failed once fails always.

mod config;
mod facts;
mod guard;
mod live;
mod reason;
mod session;
mod socket;
mod verifier;

/// Of the interface. A caller that expects another must not use it.
const ABI: u32 = 1;

#[unsafe(no_mangle)]
pub extern "C" fn portreeve_tls_abi() -> u32 {
    ABI
}
