//! The tests' allocator: it finds secrets in memory that is given back, the most that a thread
//! held at once, and how many blocks it asked for.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

pub(crate) struct Watching;

/// What a wiped secret must not leave behind.
pub(crate) const WIPED: &[u8] = b"w1ped-when-dropped";

thread_local! {
    /// How many blocks were given back with the secret in them, while this thread looks.
    static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
    static BLOCKS: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Watching = Watching;

// SAFETY: all is left to the system's allocator; a block is read before it is given back, and no
// further than its layout says.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        held(layout.size().cast_signed());
        let _ = BLOCKS.try_with(|blocks| blocks.set(blocks.get() + 1));
        // Zeroed, so that what is read on the way back was written.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        held(-layout.size().cast_signed());
        // A thread that ends gives back its own storage, too.
        if let Ok(Some(left)) = LEFT.try_with(Cell::get) {
            let bytes = unsafe { std::slice::from_raw_parts(block, layout.size()) };
            if bytes.windows(WIPED.len()).any(|window| window == WIPED) {
                let _ = LEFT.try_with(|cell| cell.set(Some(left + 1)));
            }
        }
        unsafe { System.dealloc(block, layout) }
    }
}

fn held(more: isize) {
    let _ = HELD.try_with(|cell| {
        let held = cell.get() + more;
        cell.set(held);
        let _ = MOST.try_with(|most| most.set(most.get().max(held)));
    });
}

/// How many blocks this thread gives back with the secret in them while it does this.
pub(crate) fn count_unwiped_blocks(does: impl FnOnce()) -> usize {
    LEFT.set(Some(0));
    does();
    LEFT.take().unwrap()
}

/// How many blocks this thread asks for while it does this.
pub(crate) fn count_allocations(does: impl FnOnce()) -> usize {
    let before = BLOCKS.get();
    does();
    BLOCKS.get() - before
}

/// The most memory that this thread holds at once, beyond what it holds now.
pub(crate) struct PeakMemory(isize);

impl PeakMemory {
    pub(crate) fn watch() -> Self {
        let now = HELD.get();
        MOST.set(now);
        Self(now)
    }

    pub(crate) fn bytes(&self) -> usize {
        usize::try_from(MOST.get() - self.0).unwrap()
    }
}
