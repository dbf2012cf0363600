//! What a run costs: bytes allocated in all, bytes allocated at a time, allocations, and processor time.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use crate::targets::Target;

/// Limits of one run: so much for any input, and so much for each of its bytes.
const PEAK: (usize, usize) = (4 << 20, 16 << 10);
const BYTES: (usize, usize) = (64 << 20, 256 << 10);
const CALLS: (usize, usize) = (50_000, 2_000);
/// In microseconds. Instrumented code is slow, and the machine may be busy.
const TIME: (usize, usize) = (200_000, 400);

thread_local! {
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static HIGHEST: Cell<usize> = const { Cell::new(0) };
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting what this thread asks of it.
struct Counting;

fn add(size: usize) {
    let live = LIVE.get().saturating_add(size);
    LIVE.set(live);
    HIGHEST.set(HIGHEST.get().max(live));
    ALLOCATED.set(ALLOCATED.get().saturating_add(size));
    COUNT.set(COUNT.get() + 1);
}

// SAFETY: every call is passed on to the system's allocator unchanged; the counters are cells without destructors, which do not
// allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller's promises are the system allocator's demands.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE.set(LIVE.get().saturating_sub(layout.size()));
        add(size);
        // SAFETY: as above.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get().saturating_sub(layout.size()));
        // SAFETY: as above.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Processor time of this thread, in microseconds.
fn processor_time() -> usize {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the answer.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    usize::try_from(time.tv_sec * 1_000_000 + time.tv_nsec / 1_000).unwrap_or_default()
}

/// Runs the target and checks what it cost.
pub(crate) fn measured(target: &Target, data: &[u8]) {
    let (live, allocated, count) = (LIVE.get(), ALLOCATED.get(), COUNT.get());
    HIGHEST.set(live);
    let begin = processor_time();
    (target.check)(data);
    let mut time = processor_time() - begin;
    let limit = |(fixed, each): (usize, usize)| fixed + each * data.len();
    let within = |what: &str, cost: usize, allowed: usize| {
        assert!(
            cost <= allowed,
            "{what}: {cost} for an input of {} bytes, more than {allowed}",
            data.len()
        );
    };
    within(
        "bytes at a time",
        HIGHEST.get().saturating_sub(live),
        limit(PEAK),
    );
    within("bytes allocated", ALLOCATED.get() - allocated, limit(BYTES));
    within("allocations", COUNT.get() - count, limit(CALLS));
    if time > limit(TIME) {
        // An interrupt or a cold cache may have cost the time: the second run decides.
        let begin = processor_time();
        (target.check)(data);
        time = processor_time() - begin;
    }
    within("microseconds", time, limit(TIME));
}
