//! How many objects callers hold: what is made and not freed shows here.

use std::sync::atomic::{AtomicU32, Ordering};

pub static CONFIGS: AtomicU32 = AtomicU32::new(0);
pub static SESSIONS: AtomicU32 = AtomicU32::new(0);

/// Counts one for as long as it lives.
pub struct Counted(&'static AtomicU32);

impl Counted {
    pub fn new(count: &'static AtomicU32) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn portreeve_tls_live_configs() -> u32 {
    CONFIGS.load(Ordering::Relaxed)
}

#[unsafe(no_mangle)]
pub extern "C" fn portreeve_tls_live_sessions() -> u32 {
    SESSIONS.load(Ordering::Relaxed)
}
