//! Tests on a paused clock that talk to servers over sockets.

use std::{future::Future, sync::Mutex, thread, time::Duration};

use tokio::{
    runtime::{Builder, Handle},
    task::JoinHandle,
    time::Instant,
};

/// How long the runtime is idle before the clock advances, in real time.
const QUIET: Duration = Duration::from_millis(3);

/// Runs a test on tokio's paused clock, which advances to the next timer when nothing else is left to do.
///
/// Tokio alone advances it as soon as no task can run, even if bytes are on their way through the kernel.
/// On a busy machine, a timeout then passes before a response arrives. Here, the clock advances only after
/// nothing has happened for a moment.
pub(crate) fn paused<T>(test: impl Future<Output = T>) -> T {
    let pause = Mutex::new(None);
    let mut runtime = Builder::new_current_thread();
    runtime.enable_all().start_paused(true).on_thread_park(move || before_park(&pause));
    runtime.build().unwrap().block_on(test)
}

/// The upper limit of these pauses. A timer that is due in less than a pause wakes the runtime, too.
const MAX_PAUSES: u32 = 5;

/// Tokio does not advance the clock while a blocking task runs.
struct Pause {
    task: JoinHandle<()>,
    clock: Instant,
    has_woken: bool,
    /// How many there were at this time of the clock, this one included.
    count: u32,
}

/// Runs each time no task can run. If this was so for a whole pause, the clock advances.
fn before_park(pause: &Mutex<Option<Pause>>) {
    let mut pause = pause.lock().unwrap();
    let clock = Instant::now();
    let earlier = match pause.take() {
        Some(last) if !last.task.is_finished() => {
            *pause = Some(Pause { has_woken: true, ..last });
            return;
        }
        Some(last) if last.clock != clock => 0,
        // The end of the pause wakes the runtime, so the clock advances at the second park after it.
        Some(last) if !last.has_woken || last.count == MAX_PAUSES => {
            *pause = Some(last);
            return;
        }
        last => last.map_or(0, |last| last.count),
    };
    let task = Handle::current().spawn_blocking(|| thread::sleep(QUIET));
    *pause = Some(Pause { task, clock, has_woken: false, count: earlier + 1 });
}
