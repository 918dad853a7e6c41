//! Processes that are killed at any moment while they refresh, with refresh tokens that are replaced:
//! the next process gets a token, unless the new one was not saved.

use std::{
    collections::BTreeSet,
    env,
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use poggio::{oauth::OAuthErrorKind, testing::Reply};
use tokio::runtime::Runtime;

use super::{Fixture, concurrency::session_of, fields};
use crate::support::WAIT_LIMIT;

const CHILD: &str = "POGGIO_TEST_KILLED_SESSION";
/// The number of kills, if it is not to be the default.
const KILLS: &str = "POGGIO_TEST_KILLS";
const DEFAULT_KILLS: usize = 60;
/// How many kills follow each other at one server.
const KILLS_AT_A_SERVER: usize = 20;
const LANES: usize = 3;

/// How many kills hit each phase of a run.
#[derive(Clone, Copy, Debug, Default)]
struct Hits {
    before_request: usize,
    /// The window: the server has received the refresh token, and its response is not saved.
    before_save: usize,
    after_save: usize,
    /// The part of `before_save` after which a login was required.
    lost_logins: usize,
}

#[derive(PartialEq)]
enum End {
    Killed,
    Token,
    LoginRequired,
}

struct Lane<'a> {
    runtime: &'a Runtime,
    it: Fixture,
    random: fastrand::Rng,
    /// How long the last complete run took, and its part after the request.
    durations: (Duration, Duration),
    /// How many token requests are counted. The request of a killed process may arrive after its end,
    /// and even before the next process starts.
    counted: usize,
    /// The refresh tokens that were sent since the last login.
    sent: Vec<String>,
    /// Those of them whose response has arrived.
    responded: BTreeSet<String>,
    /// Whether the last run was killed.
    was_killed: bool,
    hits: Hits,
}

impl Lane<'_> {
    fn log_in(&mut self) {
        self.runtime.block_on(self.it.expired());
        (self.sent, self.responded) = (Vec::new(), BTreeSet::new());
        self.counted = self.it.token_requests().len();
    }

    fn spawn(&self) -> Child {
        let arguments = format!("{} {}", self.it.server.base_url(), self.it.store.path().display());
        Command::new(env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg("oauth::session::killed::access_token_survives_kills_at_any_moment")
            .env(CHILD, arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Runs a process that replaces the expired token, and kills it at a random moment.
    fn run(&mut self, kills: bool) -> End {
        self.it.server.script_token([Reply::issued().with_member("expires_in", 0)]);
        let before = self.it.token_requests().len();
        let (whole, after_request) = self.durations;
        let moment = self.random.f64();
        let is_after_request = self.random.bool();
        let start = Instant::now();
        let mut request: Option<Instant> = None;
        let mut child = self.spawn();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if request.is_none() && self.it.token_requests().len() > before {
                request = Some(Instant::now());
            }
            let is_due = if is_after_request {
                request.is_some_and(|at| at.elapsed() >= after_request.mul_f64(moment))
            } else {
                start.elapsed() >= whole.mul_f64(moment)
            };
            if (kills && is_due) || start.elapsed() > WAIT_LIMIT {
                child.kill().unwrap();
            }
            thread::sleep(Duration::from_micros(100));
        };
        let elapsed = start.elapsed();
        let sent = fields(&self.it.token_requests()[self.counted..], "refresh_token");
        self.counted += sent.len();
        for token in &sent {
            assert!(!self.responded.contains(token), "{token} was sent after its response");
        }
        assert!(sent.len() <= 1 + usize::from(self.was_killed), "a process sent {sent:?}");
        self.sent.extend(sent.clone());
        self.was_killed = status.signal() == Some(9);
        if self.was_killed {
            self.count_hit(&sent);
            return End::Killed;
        }
        assert!(status.success(), "{status}");
        self.responded.extend(sent);
        let output = child.wait_with_output().unwrap().stdout;
        if String::from_utf8(output).unwrap().contains("login required") {
            return End::LoginRequired;
        }
        let after_request = request.map_or(elapsed / 4, |at| at.elapsed());
        self.durations = (elapsed, after_request);
        End::Token
    }

    fn count_hit(&mut self, sent: &[String]) {
        // The document is readable at any time.
        let document = self.runtime.block_on(self.it.document());
        let stored = document["tokens"][0]["refresh_token"].as_str().unwrap();
        match sent.first() {
            None => self.hits.before_request += 1,
            Some(token) if token == stored => self.hits.before_save += 1,
            Some(_) => self.hits.after_save += 1,
        }
    }

    /// Kills one process, and lets the next one run to its end.
    fn round(&mut self) {
        if self.run(true) != End::Killed {
            // The process was faster.
            return;
        }
        if self.run(false) == End::LoginRequired {
            let unique: BTreeSet<_> = self.sent.iter().collect();
            assert!(unique.len() < self.sent.len(), "a login was lost without a reason");
            self.hits.lost_logins += 1;
            self.log_in();
        }
    }

    fn kills(&self) -> usize {
        self.hits.before_request + self.hits.before_save + self.hits.after_save
    }
}

fn run_lane(runtime: &Runtime, kills: usize) -> Hits {
    let mut hits = Hits::default();
    let mut done = 0;
    while done < kills {
        let mut lane = Lane {
            runtime,
            it: runtime.block_on(Fixture::new()),
            random: fastrand::Rng::new(),
            durations: Default::default(),
            counted: 0,
            sent: Vec::new(),
            responded: BTreeSet::new(),
            was_killed: false,
            hits,
        };
        lane.it.server.rotate_refresh_tokens(true);
        lane.log_in();
        assert!(lane.run(false) == End::Token);
        let until = kills.min(done + KILLS_AT_A_SERVER);
        while lane.kills() < until {
            lane.round();
        }
        (hits, done) = (lane.hits, until);
    }
    hits
}

#[test]
fn access_token_survives_kills_at_any_moment() {
    if let Ok(arguments) = env::var(CHILD) {
        return print_token(&arguments);
    }
    let kills = env::var(KILLS).map_or(DEFAULT_KILLS, |kills| kills.parse().unwrap());
    let runtime = Runtime::new().unwrap();
    let hits: Vec<_> = thread::scope(|scope| {
        let lanes: Vec<_> =
            (0..LANES).map(|_| scope.spawn(|| run_lane(&runtime, kills / LANES))).collect();
        lanes.into_iter().map(|lane| lane.join().unwrap()).collect()
    });
    let sum = |count: fn(&Hits) -> usize| hits.iter().map(count).sum::<usize>();
    println!("{hits:#?}");
    // Otherwise the test shows nothing.
    assert!(sum(|hits| hits.before_request) >= 1, "{hits:?}");
    assert!(sum(|hits| hits.before_save) >= 1, "{hits:?}");
    assert!(sum(|hits| hits.after_save) >= 1, "{hits:?}");
    assert!(sum(|hits| hits.lost_logins) <= sum(|hits| hits.before_save), "{hits:?}");
}

/// What each of the processes does.
fn print_token(arguments: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match runtime.block_on(session_of(arguments).access_token()) {
        Ok(token) => println!("{}", token.expose()),
        Err(error) if error.kind() == OAuthErrorKind::LoginRequired => println!("login required"),
        Err(error) => panic!("{error}"),
    }
}
