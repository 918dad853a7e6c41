//! `register_once` killed at any moment: the store always reads, and no request is wasted.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::process::ExitStatusExt,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use poggio::{FileStore, RegistrationStore, store::StoredRegistration};
use tokio::runtime::Runtime;

use crate::{
    examples::text,
    once_processes::{Case, secret},
};

const KILLS: usize = 500;
/// Rounds that go on side by side.
const LANES: usize = 3;

/// Where the kills hit.
#[derive(Debug, Default)]
struct Hits {
    before_the_request: usize,
    before_the_save: usize,
    /// Of those, with the new file written, and not yet in its place.
    within_the_save: usize,
    after_the_save: usize,
}

impl Hits {
    fn total(&self) -> usize {
        self.before_the_request + self.before_the_save + self.after_the_save
    }
}

/// How long a run takes, and what of it comes after the server has the request.
#[derive(Clone, Copy)]
struct Durations {
    whole: Duration,
    after_the_request: Duration,
}

struct Lane<'a> {
    runtime: &'a Runtime,
    random: fastrand::Rng,
    durations: Durations,
    hits: Hits,
}

fn start(case: &Case) -> Child {
    case.command(&[]).stdin(std::process::Stdio::null()).spawn().unwrap()
}

/// Waits until the server has one request more, or the process is done.
fn wait_for_the_request(case: &Case, child: &mut Child, before: usize) {
    while case.server.requests().len() == before && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_micros(100));
    }
}

/// The middle one of some runs.
fn measure(runtime: &Runtime) -> Durations {
    let mut runs: Vec<_> = (0..5)
        .map(|_| {
            let case = runtime.block_on(Case::new());
            let begin = Instant::now();
            let mut child = start(&case);
            wait_for_the_request(&case, &mut child, 0);
            let request = Instant::now();
            assert!(child.wait().unwrap().success());
            (begin.elapsed(), request.elapsed())
        })
        .collect();
    runs.sort();
    Durations { whole: runs[2].0, after_the_request: runs[2].1 }
}

impl Lane<'_> {
    /// From an empty store to a run that comes to its end, with up to `most` kills before it.
    fn round(&mut self, most: usize) {
        let case = self.runtime.block_on(Case::new());
        let planned = self.random.usize(1..=6).min(most);
        let mut kills = 0;
        while kills < planned && self.is_killed(&case) {
            kills += 1;
            self.look_after_a_kill(&case);
        }

        let export = tempfile::tempdir().unwrap();
        let file = export.path().join("exported.json");
        let last = case.command(&["--export", file.to_str().unwrap()]).output().unwrap();
        assert!(last.status.success(), "{}", text(&last.stdout));
        let requests = case.server.requests().len();
        assert!(requests <= kills + 1, "{requests} requests for {kills} kills");
        let kept = self.kept(&case);
        assert_eq!(kept.len(), 1, "what a killed run saved is found");
        assert_eq!(kept[0].retired(), None);
        let exported = fs::read_to_string(&file).unwrap();
        assert!(exported.contains(&secret(kept[0].client())));
        assert_eq!(case.files(), ["client.json", "client.json.lock"].map(str::to_owned).into());
    }

    /// Starts a run and kills it; `false` where it was done before.
    fn is_killed(&mut self, case: &Case) -> bool {
        let before = case.server.requests().len();
        let mut child = start(case);
        // Half of them anywhere, half of them in the short time that matters most.
        let most = if self.random.bool() {
            self.durations.whole
        } else {
            wait_for_the_request(case, &mut child, before);
            self.durations.after_the_request
        };
        thread::sleep(most.mul_f64(self.random.f64()));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        let is_killed = status.signal() == Some(9);
        assert!(is_killed || status.success(), "{status}");
        if is_killed {
            let is_saved = !self.kept(case).is_empty();
            if is_saved {
                self.hits.after_the_save += 1;
            } else if case.server.requests().len() > before {
                self.hits.before_the_save += 1;
                let new = fs::read(case.store().with_extension("json.new")).unwrap_or_default();
                self.hits.within_the_save += usize::from(new.starts_with(b"{"));
            } else {
                self.hits.before_the_request += 1;
            }
        }
        is_killed
    }

    /// A fresh process reads the store, and nothing lies beside it that is not its own.
    fn look_after_a_kill(&self, case: &Case) {
        let list = case.command(&["--list"]).output().unwrap();
        let shown = text(&list.stdout);
        assert!(list.status.success(), "{shown}");
        match self.kept(case).first() {
            Some(kept) => assert!(shown.contains(&kept.client().client_id), "{shown}"),
            None => assert!(shown.ends_with("it has no client\n"), "{shown}"),
        }
        let known = ["client.json", "client.json.lock", "client.json.new"].map(str::to_owned);
        assert!(case.files().is_subset(&BTreeSet::from(known)), "{:?}", case.files());
    }

    fn kept(&self, case: &Case) -> Vec<StoredRegistration> {
        let store = FileStore::new(case.store()).unwrap();
        self.runtime.block_on(store.list()).unwrap()
    }
}

#[test]
fn killed_at_any_moment_it_reads_and_registers_no_more_than_once_a_kill() {
    let runtime = Runtime::new().unwrap();
    let durations = measure(&runtime);
    let hits: Vec<_> = thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES)
            .map(|lane| {
                let hits = Hits::default();
                let random = fastrand::Rng::new();
                let mut running = Lane { runtime: &runtime, random, durations, hits };
                let share = (KILLS + lane) / LANES;
                scope.spawn(move || {
                    while running.hits.total() < share {
                        running.round(share - running.hits.total());
                    }
                    running.hits
                })
            })
            .collect();
        lanes.into_iter().map(|lane| lane.join().unwrap()).collect()
    });
    let sum = |part: fn(&Hits) -> usize| hits.iter().map(part).sum::<usize>();
    assert_eq!(sum(Hits::total), KILLS);
    // Else this would test nothing.
    assert!(sum(|hits| hits.before_the_request) >= KILLS / 20, "{hits:?}");
    assert!(sum(|hits| hits.before_the_save) >= KILLS / 20, "{hits:?}");
    assert!(sum(|hits| hits.within_the_save) >= 1, "{hits:?}");
    assert!(sum(|hits| hits.after_the_save) >= 1, "{hits:?}");
    println!("{hits:#?}");
}
