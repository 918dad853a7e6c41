//! `register_once` killed at any moment: the store always reads, and no request is wasted.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::process::ExitStatusExt,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use poggio::{FileStore, RegistrationStoreExt, store::StoredRegistration};
use tokio::runtime::Runtime;

use crate::{examples::programs::text, store::once_processes::Case, support::PATIENCE};

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

/// When a run is killed.
#[derive(Clone, Copy)]
enum Kill {
    AfterTheStart(Duration),
    AfterTheRequest(Duration),
}

struct Lane<'a> {
    runtime: &'a Runtime,
    random: fastrand::Rng,
    /// Of the last run that registered and came to its end: how busy the machine is changes.
    durations: Option<Durations>,
    hits: Hits,
}

impl Lane<'_> {
    /// From an empty store to a run that comes to its end, with up to `most` kills before it.
    fn round(&mut self, most: usize) {
        let case = self.runtime.block_on(Case::new());
        let planned = self.random.usize(1..=6).min(most);
        let mut kills = 0;
        while kills < planned
            && let Some(kill) = self.kill()
            && self.is_killed(&case, Some(kill))
        {
            kills += 1;
            self.look_after_a_kill(&case);
        }
        assert!(!self.is_killed(&case, None));

        let requests = case.server.requests().len();
        assert!(requests <= kills + 1, "{requests} requests for {kills} kills");
        let kept = self.kept(&case);
        assert_eq!(kept.len(), 1, "what a killed run saved is found");
        assert_eq!(kept[0].retired(), None);
        assert_eq!(case.files(), ["client.json", "client.json.lock"].map(str::to_owned).into());
    }

    /// Half of them anywhere, half of them in the short time that matters most.
    fn kill(&mut self) -> Option<Kill> {
        let durations = self.durations?;
        let moment = self.random.f64();
        Some(if self.random.bool() {
            Kill::AfterTheStart(durations.whole.mul_f64(moment))
        } else {
            Kill::AfterTheRequest(durations.after_the_request.mul_f64(moment))
        })
    }

    /// Starts a run; returns whether it was killed, or was done before that.
    fn is_killed(&mut self, case: &Case, kill: Option<Kill>) -> bool {
        let before = case.server.requests().len();
        let start = Instant::now();
        let mut request = None;
        let mut child = case.command(&[]).stdin(Stdio::null()).spawn().unwrap();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                if status.signal() == Some(9) {
                    self.look_where(case, before);
                    return true;
                }
                assert!(status.success(), "{status}");
                let shown = text(&child.wait_with_output().unwrap().stdout);
                let kept = self.kept(case);
                assert!(shown.contains(&kept[0].client().client_id), "{shown}");
                if let Some(request) = request {
                    let (whole, after_the_request) = (start.elapsed(), Instant::elapsed(&request));
                    self.durations = Some(Durations { whole, after_the_request });
                }
                return false;
            }
            if request.is_none() && case.server.requests().len() > before {
                request = Some(Instant::now());
            }
            let is_due = match kill {
                Some(Kill::AfterTheStart(wait)) => start.elapsed() >= wait,
                Some(Kill::AfterTheRequest(wait)) => request.is_some_and(|at| at.elapsed() >= wait),
                None => false,
            };
            if is_due || start.elapsed() > PATIENCE {
                child.kill().unwrap();
            }
            thread::sleep(Duration::from_micros(100));
        }
    }

    /// Notes where a kill hit.
    fn look_where(&mut self, case: &Case, requests_before: usize) {
        if !self.kept(case).is_empty() {
            self.hits.after_the_save += 1;
        } else if case.server.requests().len() > requests_before {
            self.hits.before_the_save += 1;
            let new = fs::read(case.store().with_extension("json.new")).unwrap_or_default();
            self.hits.within_the_save += usize::from(new.starts_with(b"{"));
        } else {
            self.hits.before_the_request += 1;
        }
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
    let hits: Vec<_> = thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES)
            .map(|lane| {
                let (random, hits) = (fastrand::Rng::new(), Hits::default());
                let mut running = Lane { runtime: &runtime, random, durations: None, hits };
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
