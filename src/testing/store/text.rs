//! A store's text: it comes back as it was, and is replaced only where it is what was read.

use super::{HANDLES, Rule, at_once};
use crate::store::{RegistrationStore, WriteResult};

/// How often many write at once.
const ROUNDS: usize = 8;

const EMPTY: Rule = Rule {
    says: "Where nothing was written yet, a read returns None",
    mend: "Let `open` lead to an empty place, and return None, no error and no empty text, where \
           there is none.",
};
const CREATE: Rule = Rule {
    says: "A write that expects nothing writes only where there is nothing, for one of many that \
           try at once",
    mend: "Create in one step that fails where there is something, as INSERT or a file opened with \
           create_new does; do not look first and then write.",
};
const EXACT: Rule = Rule {
    says: "A text comes back exactly as it was written, for every handle",
    mend: "Keep it as bytes, or as text without a limit, a change of line ends or of characters.",
};
const STALE: Rule = Rule {
    says: "A write replaces only what was read before it, and changes nothing otherwise",
    mend: "Compare the version, or the text, in the step that writes, as UPDATE … WHERE version = … \
           does, and return Conflict where nothing was changed.",
};
const SAME: Rule = Rule {
    says: "A text that was there before counts as what a later read says it is",
    mend: "Give every write a version of its own, or compare the text, and return Done only for \
           what was written.",
};
const ONE: Rule = Rule {
    says: "Of many that replace the same text at once, exactly one succeeds, and its text is there",
    mend: "Compare and write in one step; a read, then a comparison, then a write are three, and \
           others come in between.",
};

pub(super) async fn is_empty<S: RegistrationStore>(open: &impl Fn() -> S) {
    if EMPTY.worked("the first read", open().read().await).is_some() {
        EMPTY.broken("the first read returned a text");
    }
}

pub(super) async fn check<S: RegistrationStore + 'static>(open: &impl Fn() -> S) {
    create(open).await;
    exact(open).await;
    stale(open).await;
    same(open).await;
    for round in 0..ROUNDS {
        one(open, round).await;
    }
}

async fn create<S: RegistrationStore + 'static>(open: &impl Fn() -> S) {
    let text = |i| format!("created by {i}");
    let written =
        at_once(
            open,
            HANDLES,
            |i, store| async move { CREATE.write(&store, &text(i), None).await },
        );
    let winner = only(&written.await, CREATE);
    CREATE.holds(&open(), &text(winner)).await;

    CREATE.refuses(&open(), "created again", None).await;
    CREATE.holds(&open(), &text(winner)).await;
}

async fn exact<S: RegistrationStore>(open: &impl Fn() -> S) {
    let texts = [
        "{\"quoted\": \"\\\" ' ` \\\\ %s $1 ; --\"}\n".to_owned(),
        "  ends\r\nof\tlines\n\n".to_owned(),
        "Übergröße, e\u{301} and é, 登録, 🔑, \u{7f}".to_owned(),
        "a line that is one of many é\n".repeat(1024 * 1024 / 30 + 1),
        "short".to_owned(),
    ];
    for text in texts {
        let read = EXACT.read(&open()).await;
        EXACT.writes(&open(), &text, Some(&read)).await;
        EXACT.holds(&open(), &text).await;
    }
}

async fn stale<S: RegistrationStore>(open: &impl Fn() -> S) {
    let (mine, other) = (open(), open());
    let read = STALE.read(&mine).await;
    STALE.writes(&other, "the other's", Some(&read)).await;
    STALE.refuses(&mine, "mine", Some(&read)).await;
    STALE.holds(&mine, "the other's").await;
    STALE.holds(&open(), "the other's").await;

    let read = STALE.read(&mine).await;
    STALE.writes(&mine, "mine at last", Some(&read)).await;
    STALE.holds(&other, "mine at last").await;
}

/// Where a text comes back, one that was read before may count as what is there, or may not; what
/// is said has to be what happens.
async fn same<S: RegistrationStore>(open: &impl Fn() -> S) {
    let store = open();
    let mut earlier = Vec::new();
    for text in ["a", "b", "a"] {
        let read = SAME.read(&store).await;
        SAME.writes(&store, text, Some(&read)).await;
        earlier.push(SAME.read(&store).await);
    }
    let [first, between, last] = &earlier[..] else { return };
    SAME.refuses(&open(), "c", Some(between)).await;
    SAME.holds(&open(), "a").await;
    match SAME.write(&open(), "c", Some(first)).await {
        WriteResult::Written => SAME.holds(&store, "c").await,
        WriteResult::Conflict => {
            SAME.holds(&store, "a").await;
            SAME.writes(&open(), "c", Some(last)).await;
            SAME.holds(&store, "c").await;
        }
    }
}

async fn one<S: RegistrationStore + 'static>(open: &impl Fn() -> S, round: usize) {
    let read = ONE.read(&open()).await;
    let text = move |i| format!("round {round}, by {i}");
    let written = at_once(open, HANDLES, |i, store| {
        let read = read.clone();
        async move { ONE.write(&store, &text(i), Some(&read)).await }
    });
    let winner = only(&written.await, ONE);
    ONE.holds(&open(), &text(winner)).await;
}

/// The one that wrote.
fn only(written: &[WriteResult], rule: Rule) -> usize {
    let done =
        || written.iter().enumerate().filter(|(_, written)| **written == WriteResult::Written);
    match done().next() {
        Some((winner, _)) if done().count() == 1 => winner,
        _ => rule.broken(format!("{} of {HANDLES} returned Done", done().count())),
    }
}
